/** The options of `rehup run`: the one list that the parser, the help, the variables and the README's test are made from. */
export type OptionSpec = {
  /** As commander takes them: `-w, --watch <path[=action]>`. */
  readonly flags: string;
  /** The long name without its dashes. */
  readonly name: string;
  readonly group: OptionGroup;
  /** Shown in the help; the text of `default` is taken as if it had been given. */
  readonly default?: string;
  readonly description: string;
  readonly repeatable: boolean;
};

export type OptionGroup = 'Watching' | 'Reloading' | 'Child' | 'Operating';

export const RUN_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-w, --watch <path[=action]>',
    name: 'watch',
    group: 'Watching',
    description:
      'a directory or a file to watch; with =action, what a change below it does. Where watches overlap, the most specific one speaks',
    repeatable: true,
  },
  {
    flags: '--on-change <action>',
    name: 'on-change',
    group: 'Watching',
    default: 'restart',
    description: 'what a change of content does: restart, exit, none, or a signal such as SIGHUP',
    repeatable: false,
  },
  {
    flags: '--ignore <glob>',
    name: 'ignore',
    group: 'Watching',
    description: 'paths below a watch that do not count, such as "*.swp" or "cache/**"',
    repeatable: true,
  },
  {
    flags: '--allow-empty',
    name: 'allow-empty',
    group: 'Watching',
    default: 'off',
    description: 'a watched directory that lost all its files counts as changed, not as missing',
    repeatable: false,
  },
  {
    flags: '--settle <duration>',
    name: 'settle',
    group: 'Watching',
    default: 'auto',
    description:
      'quiet time after the last change before it is acted on. auto: 0 for one kubelet volume, 3s for several, else 250ms',
    repeatable: false,
  },
  {
    flags: '--poll <duration>',
    name: 'poll',
    group: 'Watching',
    default: '10s',
    description: 'look at every watch this often even if no event came; 0 turns it off',
    repeatable: false,
  },
  {
    flags: '--verify <duration>',
    name: 'verify',
    group: 'Reloading',
    default: '5s',
    description: 'after a start or a reload the child must stay up this long',
    repeatable: false,
  },
  {
    flags: '--min-interval <duration>',
    name: 'min-interval',
    group: 'Reloading',
    default: '10s',
    description: 'least time between two reloads; what changes meanwhile is applied once, afterwards',
    repeatable: false,
  },
  {
    flags: '--stop-signal <signal>',
    name: 'stop-signal',
    group: 'Child',
    default: 'SIGTERM',
    description: 'how the child is asked to stop; if given, a TERM or INT that arrives is sent as this',
    repeatable: false,
  },
  {
    flags: '--stop-timeout <duration>',
    name: 'stop-timeout',
    group: 'Child',
    default: '30s',
    description: 'in a restart, SIGKILL to the whole process group after this',
    repeatable: false,
  },
  {
    flags: '--signal-to <whom>',
    name: 'signal-to',
    group: 'Child',
    default: 'auto',
    description:
      'who gets a forwarded signal: child, group, or auto: the child if it catches the signal, else its process group',
    repeatable: false,
  },
  {
    flags: '--on-exit <policy>',
    name: 'on-exit',
    group: 'Child',
    default: 'exit',
    description:
      "what the child's own exit does: exit (with its code), restart, or restart-on-failure (when the code is not 0)",
    repeatable: false,
  },
  {
    flags: '--max-restarts <n>',
    name: 'max-restarts',
    group: 'Child',
    default: '5',
    description:
      'so many restarts by --on-exit within 10 minutes; then rehup exits with the code of the child',
    repeatable: false,
  },
  {
    flags: '--rewrite-signal <from:to>',
    name: 'rewrite-signal',
    group: 'Child',
    description: 'take a signal that arrives for another one; to 0: for none',
    repeatable: true,
  },
  {
    flags: '--map-exit <from:to>',
    name: 'map-exit',
    group: 'Child',
    description: "exit with another code where this is the child's: 143:0",
    repeatable: true,
  },
  {
    flags: '--log-level <level>',
    name: 'log-level',
    group: 'Operating',
    default: 'info',
    description: 'trace, debug, info, warn, error, fatal or silent',
    repeatable: false,
  },
  {
    flags: '--log-format <format>',
    name: 'log-format',
    group: 'Operating',
    description: 'json, or pretty for people (default: json, on a terminal pretty)',
    repeatable: false,
  },
];

/** The environment variable of an option: `--on-change` is REHUP_ON_CHANGE. */
export function variableOf(option: OptionSpec): string {
  return `REHUP_${option.name.toUpperCase().replaceAll('-', '_')}`;
}
