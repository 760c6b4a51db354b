# shellcheck shell=bash
# Completion for bash: `source lab/completion.bash`, then `lab/lab <Tab>`.

_lab() {
  local word=${COMP_WORDS[COMP_CWORD]} choices=
  if ((COMP_CWORD == 1)); then
    choices='up down status images load backends kubeconfig kubectl expose unexpose logs doctor --help'
  else
    case ${COMP_WORDS[1]} in
      down) choices='--purge --help' ;;
      images) choices='postgres rabbitmq valkey gateway processor operator --tag --help' ;;
      kubeconfig) choices='--raw --help' ;;
      unexpose) choices="$(cd /var/lib/chatcluster-lab/exposed 2>/dev/null && echo *) --help" ;;
      logs) choices="$(cd /var/lib/chatcluster-lab/logs 2>/dev/null && printf '%s ' *.log) -f --help" && choices=${choices//.log/} ;;
      kubectl) ;;
      *) choices=--help ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -F _lab lab
