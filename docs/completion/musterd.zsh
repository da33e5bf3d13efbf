#compdef musterd
# zsh completion for musterd
_arguments \
    '--config[settings]:FILE:_files' \
    '*--set[one setting, before the file'\''s]:NAME=VALUE:' \
    '*--programme[a programme to serve, besides those of the settings]:FILE:_files' \
    '--check[check settings and programmes, start nothing]' \
    '--restored[the data directory was put back from a backup; start nothing]' \
    '--rehearse[run on a virtual clock that begins there]:FROM..TO:' \
    '--speed[let the rehearsal'\''s clock run by itself, at most that fast]:N(d|h|m)/s:' \
    '--lang[language of messages]:LANGUAGE:(en zh_CN)' \
    '--help' \
    '--version'
