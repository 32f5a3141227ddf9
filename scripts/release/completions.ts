import type { OptionSpec } from '../../src/cli/option.ts';
import { RUN_OPTIONS } from '../../src/cli/options.ts';
import { SUBCOMMANDS } from './subcommands.ts';

/* Completions of rehup's words for bash, zsh and fish, made of the options. */

/** What a subcommand is for, in few words. */
const FIRST: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SUBCOMMANDS.map(({ name, purpose }) => [name, few(purpose)])),
  help: 'print the help of a subcommand',
};

/** Those with options of their own. */
const OTHERS = SUBCOMMANDS.filter(({ name }) => name !== 'run' && name !== 'install');

/** The first of what is said. */
function few(text: string): string {
  return text.split(/[:;.](?: |$)/)[0] ?? '';
}

/** What there is to choose from, where an option has a choice. */
export const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'on-change': ['restart', 'exit', 'none', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'http://', 'exec:'],
  settle: ['auto'],
  ready: ['http://', 'tcp://', 'exec:', 'notify', 'notify-fd:3'],
  'stop-signal': ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2'],
  'signal-to': ['auto', 'child', 'group'],
  'on-exit': ['exit', 'restart', 'restart-on-failure'],
  'log-level': ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  'log-format': ['json', 'gcp', 'pretty'],
};

/** The options whose value is a path. */
const PATHS = ['watch', 'stage', 'env-dir', 'socket', 'fleet-token', 'state'];

/** An option as a completion needs it. */
type Word = {
  readonly long: string;
  readonly short: string | undefined;
  /** What is to be put behind it, if anything. */
  readonly value: 'path' | 'text' | readonly string[] | undefined;
  readonly repeatable: boolean;
  readonly text: string;
};

function wordOf({ flags, name, description, repeatable }: OptionSpec): Word {
  const value = CHOICES[name] ?? (PATHS.includes(name) ? 'path' : 'text');
  return {
    long: `--${name}`,
    short: /^(-\w), /.exec(flags)?.[1],
    value: flags.includes('<') ? value : undefined,
    repeatable,
    text: few(description),
  };
}

const WORDS: readonly Word[] = [
  ...RUN_OPTIONS.map(wordOf),
  ...[
    ['--help', '-h', 'print the help'],
    ['--version', undefined, 'print the version'],
  ].map(([long = '', short, text = '']) => ({ long, short, value: undefined, repeatable: false, text })),
];

export function bashCompletion(): string {
  const valued = WORDS.filter(({ value }) => value !== undefined).flatMap(namesOf);
  const cases = WORDS.flatMap((word) => {
    const { value } = word;
    if (value === undefined) return [];
    const pattern = namesOf(word).join('|');
    if (value === 'path') return [`    ${pattern}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`];
    if (value === 'text') return [`    ${pattern}) return ;;`];
    return [`    ${pattern}) COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur")); return ;;`];
  });
  const others = OTHERS.map(({ name, options }) => {
    const words = options.map((option) => `--${option.name}`).join(' ');
    return `    ${name}) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY=($(compgen -W '${words}' -- "$cur")) && return ;;`;
  });
  return `# bash completion for rehup
_rehup() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at=1
  COMPREPLY=()
  case \${COMP_WORDS[1]} in
    run) [ "$COMP_CWORD" -gt 1 ] && at=2 ;;
    install) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY=($(compgen -f -- "$cur")) && return ;;
${others.join('\n')}
    help) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY=($(compgen -W '${Object.keys(FIRST).join(' ')}' -- "$cur")) && return ;;
  esac
  # From the first word that is no option, nor its value, all belongs to the command.
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case \${COMP_WORDS[at]} in
      --) at=$((at + 1)); break ;;
      ${valued.join('|')}) at=$((at + 2)) ;;
      -*) at=$((at + 1)) ;;
      *) break ;;
    esac
  done
  if [ "$at" -lt "$COMP_CWORD" ] || [ "$prev" = -- ]; then
    if declare -F _command_offset >/dev/null; then _command_offset "$at"
    elif [ "$at" -eq "$COMP_CWORD" ]; then COMPREPLY=($(compgen -c -- "$cur"))
    else COMPREPLY=($(compgen -f -- "$cur")); fi
    return
  fi
  case $prev in
${cases.join('\n')}
  esac
  if [ "\${cur#-}" != "$cur" ]; then COMPREPLY=($(compgen -W '${WORDS.flatMap(namesOf).join(' ')}' -- "$cur"))
  elif [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${Object.keys(FIRST).join(' ')}' -- "$cur") $(compgen -c -- "$cur"))
  else COMPREPLY=($(compgen -c -- "$cur")); fi
}
complete -o bashdefault -o default -F _rehup rehup
`;
}

export function zshCompletion(): string {
  const quoted = (text: string) =>
    text.replaceAll(/[[\]:'\\]/g, (char) => (char === "'" ? "'\\''" : `\\${char}`));
  const specs = WORDS.map((word) => {
    const all = namesOf(word);
    const exclusive = word.repeatable ? '*' : `(${all.join(' ')})`;
    const end =
      word.value === undefined
        ? ''
        : word.value === 'path'
          ? ':path:_files'
          : word.value === 'text'
            ? ':value: '
            : `:value:(${word.value.map(quoted).join(' ')})`;
    const spec = `'[${quoted(word.text)}]${end}'`;
    return all.length > 1 ? `'${exclusive}'{${all.join(',')}}${spec}` : `'${exclusive}${all[0]}'${spec}`;
  });
  const others = OTHERS.map(({ name, options }) => {
    const own = options.map(
      ({ name: option, value, text }) =>
        `'--${option}[${quoted(few(text))}]${value === undefined ? '' : ':value:_files'}'`,
    );
    return `    ${name}) shift words; (( CURRENT-- )); _arguments ${own.join(' ')} ;;`;
  });
  const described = Object.entries(FIRST).map(([name, text]) => `'${name}:${quoted(text)}'`);
  return `#compdef rehup
# zsh completion for rehup
_rehup_options() {
  _arguments -S \\
    ${specs.join(' \\\n    ')} \\
    '*::command:_normal'
}
_rehup() {
  local -a subcommands=(${described.join(' ')})
  if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    _describe subcommand subcommands
    _command_names -e
    return
  fi
  case $words[2] in
    run) shift words; (( CURRENT-- )); _rehup_options ;;
    install) _files ;;
${others.join('\n')}
    help) _describe subcommand subcommands ;;
    *) _rehup_options ;;
  esac
}
if [ "$funcstack[1]" = _rehup ]; then _rehup "$@"; else compdef _rehup rehup; fi
`;
}

export function fishCompletion(): string {
  const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const valued = WORDS.filter(({ value }) => value !== undefined).flatMap(namesOf);
  const lines = WORDS.map(({ long, short, value, text }) =>
    [
      `complete -c rehup -n __rehup_own -l ${long.slice(2)}`,
      ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
      ...(value === undefined ? [] : value === 'path' ? ['-r -F'] : ['-x']),
      ...(Array.isArray(value) ? [`-a ${quoted(value.join(' '))}`] : []),
      `-d ${quoted(text)}`,
    ].join(' '),
  );
  const first = Object.entries(FIRST).map(
    ([name, text]) => `complete -c rehup -n __fish_is_first_arg -f -a ${name} -d ${quoted(text)}`,
  );
  const others = OTHERS.flatMap(({ name, options }) =>
    options.map(({ name: option, value, text }) =>
      [
        `complete -c rehup -n '__fish_seen_subcommand_from ${name}' -l ${option}`,
        ...(value === undefined ? [] : ['-r']),
        `-d ${quoted(few(text))}`,
      ].join(' '),
    ),
  );
  return `# fish completion for rehup
# Whether the words are still rehup's own: none of a command yet.
function __rehup_own
    set -l words (commandline -opc)[2..-1]
    set -l skip 0
    for word in $words
        if test $skip -eq 1
            set skip 0
        else if contains -- $word ${valued.join(' ')}
            set skip 1
        else if test $word = --
            return 1
        else if not string match -q -- '-*' $word; and test $word != run
            return 1
        end
    end
    return 0
end
${[...first, ...others, ...lines].join('\n')}
complete -c rehup -n 'not __rehup_own' -a '(__fish_complete_subcommand)'
`;
}

function namesOf({ long, short }: Word): readonly string[] {
  return short === undefined ? [long] : [short, long];
}
