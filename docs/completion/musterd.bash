# bash completion for musterd
_musterd() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
    --config | --programme) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --lang) mapfile -t COMPREPLY < <(compgen -W "en zh_CN" -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "--config --set --programme --check --restored --rehearse --speed --lang --help --version" -- "$current") ;;
    esac
}
complete -F _musterd musterd
