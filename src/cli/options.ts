import { environmentMap } from '../core/files/environment.ts';
import { FLEET_OPTIONS } from './fleet.ts';
import type { OptionSpec } from './option.ts';

/** The options of `rehup run`: the one list that the parser, the help, the variables and the README's test are made from. */
export const RUN_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-w, --watch <path[=action]>',
    name: 'watch',
    group: 'Watching',
    description:
      'a directory or a file to watch; with =action, what a change below it does. The action begins after the first = before exec: or an address, else after the last = that no slash follows. Where watches overlap, the most specific one speaks',
    repeatable: true,
  },
  {
    flags: '--on-change <action>',
    name: 'on-change',
    group: 'Watching',
    default: 'restart',
    description:
      'what a change of content does: restart, exit, exit:CODE, none, a signal such as SIGHUP, http://HOST[:PORT][/PATH] (a POST), or exec:COMMAND',
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
      'quiet time after the last change before it is acted on. auto: 0 for one kubelet volume, 3s for several, else 250ms. What never rests is acted on after ten times that, at least 10s',
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
    flags: '--check <command>',
    name: 'check',
    group: 'Reloading',
    description:
      'must exit with 0 before a change is applied, such as "nginx -t -c {dir}/nginx.conf"; {dir} is the new content of the only watch or stage, {dir:SOURCE} that of one of several',
    repeatable: false,
  },
  {
    flags: '--check-timeout <duration>',
    name: 'check-timeout',
    group: 'Reloading',
    default: '30s',
    description: 'SIGKILL to the whole process group of a check after this',
    repeatable: false,
  },
  {
    flags: '--stage <source=target>',
    name: 'stage',
    group: 'Reloading',
    description:
      'the application reads TARGET: checked content of SOURCE, which is watched, is published there, and the last good one again if a reload fails',
    repeatable: true,
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
    flags: '--ready <target>',
    name: 'ready',
    group: 'Reloading',
    description:
      'and this must succeed: http://HOST[:PORT][/PATH], tcp://HOST:PORT, exec:COMMAND, notify (the child says so by sd_notify(3)), or notify-fd:N (by a newline on descriptor N; at its start only)',
    repeatable: false,
  },
  {
    flags: '--ready-timeout <duration>',
    name: 'ready-timeout',
    group: 'Reloading',
    default: '60s',
    description: 'within this time',
    repeatable: false,
  },
  {
    flags: '--action-timeout <duration>',
    name: 'action-timeout',
    group: 'Reloading',
    default: '60s',
    description: 'limit of an action that is an HTTP call or a command',
    repeatable: false,
  },
  {
    flags: '--splay <duration>',
    name: 'splay',
    group: 'Reloading',
    default: '0',
    description: 'wait a random part of this before a reload, so that replicas do not reload at once',
    repeatable: false,
  },
  {
    flags: '--drain <duration>',
    name: 'drain',
    group: 'Reloading',
    default: '0',
    description: 'before a restart: /readyz turns 503, then this wait, then the stop signal',
    repeatable: false,
  },
  ...FLEET_OPTIONS,
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
    description:
      'how the child is asked to stop, by a restart and by a stop from outside; if given, a TERM or INT that arrives is sent as this',
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
    flags: '--env-dir <dir>',
    name: 'env-dir',
    group: 'Child',
    description:
      'each file below it is a variable of the child: its name, and its content less one trailing newline, over what is inherited; a change restarts the child',
    repeatable: true,
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
      'what happens when the child exits by itself: exit (with its code), restart, or restart-on-failure (when the code is not 0), each time after a longer wait, 1s, 2s, 4s, up to 30s',
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
    flags: '--dry-run',
    name: 'dry-run',
    group: 'Operating',
    default: 'off',
    description:
      'look once at all that the options name, print what would be watched and done, and start nothing; 125 where a start would be refused',
    repeatable: false,
  },
  {
    flags: '--listen <[host]:port>',
    name: 'listen',
    group: 'Operating',
    description:
      'answer HTTP there: /livez, /readyz and /metrics, and to the loopback address /status and a page for people at /. Without a host: everywhere',
    repeatable: false,
  },
  {
    flags: '--listen-status',
    name: 'listen-status',
    group: 'Operating',
    default: 'off',
    description: '/status and / for whoever can reach the port: paths and digests are in them',
    repeatable: false,
  },
  {
    flags: '--socket <path>',
    name: 'socket',
    group: 'Operating',
    description:
      'the control socket, for rehup status and rehup reload (default: in a directory of its own in the first of /run, /tmp, /dev/shm where it can be made)',
    repeatable: false,
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
    description:
      'json; gcp: the same with severity and message, as Google Cloud reads them; or pretty for people (default: json, on a terminal pretty; NO_COLOR is honoured)',
    repeatable: false,
  },
];

/** Of an environment, which may have hundreds of variables, the few that the command line goes with. */
export function ownVariables(entries: readonly string[]): ReadonlyMap<string, string> {
  return environmentMap(
    entries.filter(
      (entry) => entry.startsWith('REHUP_') || entry.startsWith('NO_COLOR=') || entry.startsWith('TERM='),
    ),
  );
}

/** The environment variable of an option: `--on-change` is REHUP_ON_CHANGE. */
export function variableOf(option: Pick<OptionSpec, 'name'>): string {
  return `REHUP_${option.name.toUpperCase().replaceAll('-', '_')}`;
}
