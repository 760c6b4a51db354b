"""Clients of run: creates ChatClusters, and reports what controllers would report. Standard library only."""

import concurrent.futures
import http.client
import json
import ssl
import sys
import threading
import time

NAMESPACES = 20
LABELS = "labelSelector=app.kubernetes.io/managed-by%3Dchatcluster-operator"
local = threading.local()


def call(port, method, path, body=None, content_type="application/json"):
    """One request over a connection that the thread keeps; returns the status code and the parsed answer."""
    for attempt in range(5):
        if getattr(local, "connection", None) is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            local.connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
        try:
            headers = {"Authorization": "Bearer admin-token", "Content-Type": content_type, "User-Agent": "scale"}
            local.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = local.connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text)
        except (OSError, http.client.HTTPException):
            local.connection = None
            time.sleep(0.1 * attempt)
    raise RuntimeError(f"{method} {path} failed")


def each(items, work):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in pool.map(work, items):
            pass


def namespaces(port):
    for index in range(NAMESPACES):
        call(port, "POST", "/api/v1/namespaces", {"metadata": {"name": f"scale-{index}"}})


def create(port, count):
    namespaces(port)

    def one(index):
        path = f"/apis/chatcluster.dev/v1alpha1/namespaces/scale-{index % NAMESPACES}/chatclusters"
        body = {
            "apiVersion": "chatcluster.dev/v1alpha1",
            "kind": "ChatCluster",
            "metadata": {"name": f"chat-{index}"},
            "spec": {},
        }
        status, answer = call(port, "POST", path, body)
        if status not in (201, 409):
            raise RuntimeError(answer)

    each(range(count), one)


def noise(port, count):
    namespaces(port)
    text = "x" * 200_000

    def one(index):
        kind = "configmaps" if index % 2 else "secrets"
        field = "data" if index % 2 else "stringData"
        body = {"metadata": {"name": f"noise-{index}"}, field: {"text": text}}
        call(port, "POST", f"/api/v1/namespaces/scale-{index % NAMESPACES}/{kind}", body)

    each(range(count), one)


def silence(port, count):
    def one(index):
        kind = "configmaps" if index % 2 else "secrets"
        call(port, "DELETE", f"/api/v1/namespaces/scale-{index % NAMESPACES}/{kind}/noise-{index}")

    each(range(count), one)


def applied(port, count):
    """Returns when both autoscalers of each ChatCluster are there. Only the first is read: the answer says how many are
    left. It asks over one connection, for a kubectl for each look takes a twentieth of the machine that is measured."""
    while True:
        _, answer = call(port, "GET", "/apis/autoscaling/v2/horizontalpodautoscalers?limit=1")
        if len(answer.get("items", [])) + answer.get("metadata", {}).get("remainingItemCount", 0) >= 2 * count:
            return
        time.sleep(0.5)


def report(port, path, status):
    call(port, "PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")


def controllers(port):
    """Databases become ready and migrations end as soon as they are there."""
    done = set()
    times = {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z"}

    def finish_job(path):
        conditions = [
            {"type": type_, "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}
            for type_ in ("SuccessCriteriaMet", "Complete")
        ]
        report(port, path, {"conditions": conditions, "succeeded": 1, **times})

    def start_database(path):
        report(port, path, {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1})

    def follow(group, plural, component, work):
        """Watches, as a controller does: listing again and again would cost the API server more than the operator does."""
        selector = f"{LABELS}%2Capp.kubernetes.io/component%3D{component}"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            while True:
                try:
                    for event in watch(port, f"/apis/{group}/{plural}?watch=true&{selector}"):
                        metadata = event["object"].get("metadata", {})
                        path = f"/apis/{group}/namespaces/{metadata.get('namespace')}/{plural}/{metadata.get('name')}"
                        if event["type"] == "ADDED" and path not in done:
                            done.add(path)
                            pool.submit(work, path)
                except (OSError, ValueError, http.client.HTTPException):
                    time.sleep(0.5)

    jobs = threading.Thread(target=follow, args=("batch/v1", "jobs", "migration", finish_job), daemon=True)
    jobs.start()
    follow("apps/v1", "statefulsets", "postgres", start_database)


def watch(port, path):
    """The events of a watch, from everything that is there on."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=600)
    connection.request("GET", path, headers={"Authorization": "Bearer admin-token", "User-Agent": "scale"})
    with connection.getresponse() as answer:
        while line := answer.readline():
            yield json.loads(line)


if __name__ == "__main__":
    command, port = sys.argv[1], int(sys.argv[2])
    if command == "controllers":
        controllers(port)
    elif command == "create":
        create(port, int(sys.argv[3]))
    elif command == "applied":
        applied(port, int(sys.argv[3]))
    elif command == "noise":
        noise(port, int(sys.argv[3]))
    elif command == "silence":
        silence(port, int(sys.argv[3]))
    else:
        sys.exit(f"clients.py: unknown command {command!r}")
