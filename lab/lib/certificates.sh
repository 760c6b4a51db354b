# shellcheck shell=bash
# The cluster's own certificate authority, each part's certificate and the kubeconfigs made of them.

readonly CERTIFICATE_DAYS=3650

# Made as a whole in a folder aside and moved into place, so that an interruption leaves the old set or none.
ensure_certificates() {
  if [[ -f $PKI_DIR/complete ]] && openssl x509 -checkend 2592000 -noout -in "$PKI_DIR/ca.crt" >/dev/null 2>&1; then
    [[ -f $KUBECONFIG_FILE ]] || make_kubeconfigs
    return 0
  fi
  local new=$PKI_DIR.new
  rm -rf "$new" && mkdir -p "$new" && chmod 0700 "$new"
  (
    cd "$new"
    umask 077
    authority ca kubernetes
    authority front-proxy-ca front-proxy
    certificate ca apiserver /CN=kube-apiserver serverAuth \
      "IP:$NODE_IP,IP:$KUBERNETES_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    certificate ca kubelet-server "/O=system:nodes/CN=system:node:$NODE_NAME" serverAuth "IP:$NODE_IP,DNS:$NODE_NAME"
    certificate ca apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    certificate front-proxy-ca front-proxy-client /CN=front-proxy-client clientAuth
    certificate ca admin /O=system:masters/CN=lab-admin clientAuth
    certificate ca controller-manager /CN=system:kube-controller-manager clientAuth
    certificate ca scheduler /CN=system:kube-scheduler clientAuth
    certificate ca kube-proxy /CN=system:kube-proxy clientAuth
    certificate ca kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" clientAuth
    openssl genrsa -out service-account.key 2048 2>/dev/null
    openssl rsa -in service-account.key -pubout -out service-account.pub 2>/dev/null
    touch complete
  ) || die "making certificates failed" "is openssl installed?"
  rm -rf "$PKI_DIR" && mv "$new" "$PKI_DIR"
  make_kubeconfigs
  say "certificates: made, valid for $((CERTIFICATE_DAYS / 365)) years"
}

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -subj "/CN=$2" \
    -days "$CERTIFICATE_DAYS" -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign 2>/dev/null
}

# certificate <authority> <name> <subject> <extended key usage> [alternative names]
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$2.key" -out "$2.csr" -subj "$3" 2>/dev/null
  openssl x509 -req -in "$2.csr" -CA "$1.crt" -CAkey "$1.key" -CAcreateserial -days "$CERTIFICATE_DAYS" -out "$2.crt" -extfile <(
    printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$4"
    [[ -z ${5:-} ]] || printf 'subjectAltName=%s\n' "$5"
  ) 2>/dev/null
  rm "$2.csr"
}

make_kubeconfigs() {
  local user
  mkdir -p "$CONFIG_DIR"
  for user in controller-manager scheduler kube-proxy kubelet; do kubeconfig_for "$user" "$CONFIG_DIR/$user.kubeconfig"; done
  kubeconfig_for admin "$KUBECONFIG_FILE"
}

# The certificates are inside the file, so that it can be copied or mounted elsewhere.
kubeconfig_for() {
  (
    umask 077
    cat >"$2.new" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $LAB_NAME
  cluster:
    server: $API_SERVER
    certificate-authority-data: $(base64 -w 0 "$PKI_DIR/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w 0 "$PKI_DIR/$1.crt")
    client-key-data: $(base64 -w 0 "$PKI_DIR/$1.key")
contexts:
- name: $LAB_NAME
  context: {cluster: $LAB_NAME, user: $1}
current-context: $LAB_NAME
YAML
    mv "$2.new" "$2"
  )
}
