import type { Given, Invocation } from '../invocation.ts';
import type { OptionSpec } from '../option.ts';
import { RUN_OPTIONS } from '../options.ts';
import { grammarOf, parseWords } from './run.ts';

/* `rehup sidecar`: the options of `run` but for those of a child, which it has none of. */

const EXAMPLES = `
Examples:
  rehup sidecar -w /etc/app --on-change SIGHUP:nginx
  rehup sidecar -w /etc/prometheus --on-change http://127.0.0.1:9090/-/reload
  rehup sidecar -w /etc/app --check 'app --check {dir}' --on-change 'SIGHUP!:app' --listen :9847

SIGNAL:NAME is for the processes called NAME whose parent is not, in a pod with shareProcessNamespace: true.
Every option has a variable: --on-change is REHUP_ON_CHANGE. The command line wins.
Exit code: 0 when it was asked to stop; CODE for exit:CODE; 125 for bad usage.`;

const ABOUT =
  'Watches what is mounted here, in a second container of the pod, and tells the application in another one of changes.';

const NOT_HERE: readonly string[] = ['stage'];

/** What is said otherwise here, and what is its default. */
const OTHERWISE: Readonly<Record<string, Partial<OptionSpec>>> = {
  'on-change': {
    description:
      'what a change does: SIGNAL:NAME, http://HOST[:PORT][/PATH] (a POST), unhealthy: /livez turns 503 until the kubelet has restarted the application for that, or exit:CODE: the sidecar ends with CODE, and a restart rule of the pod (action: RestartAllContainers) starts all containers anew',
  },
  'min-interval': {
    default: '10s',
    description:
      'least time between two reloads; what changes meanwhile is applied once, afterwards. With exit:CODE 1m, doubled up to 15m while they follow each other closely, unless it is given',
  },
  drain: { default: '0', description: 'before exit:CODE: /readyz turns 503, then this wait' },
  verify: {
    default: '5s',
    description: 'after a start or a reload the application counts as good after this long',
  },
  listen: { default: ':9847' },
};

/** What only a sidecar is told. */
export const SIDECAR_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--health <target>',
    name: 'health',
    group: 'Reloading',
    description:
      'the livenessProbe that the application had, http://HOST[:PORT][/PATH] or tcp://HOST:PORT: asked at each request of /livez; 200 to 399 is well',
    repeatable: false,
  },
  {
    flags: '--health-timeout <duration>',
    name: 'health-timeout',
    group: 'Reloading',
    default: '800ms',
    description: 'within this time; the kubelet waits for 1s unless its probe says otherwise',
    repeatable: false,
  },
  {
    flags: '--state <directory>',
    name: 'state',
    group: 'Operating',
    description:
      'what the next life of the sidecar must know is kept there: an emptyDir that only this container mounts',
    repeatable: false,
  },
];

/** Parses the words after `sidecar`. */
export function parseSidecar(given: Given): Invocation {
  const those = RUN_OPTIONS.filter(({ group, name }) => group !== 'Child' && !NOT_HERE.includes(name));
  const options = those.map((spec): OptionSpec => {
    const { default: usual, ...rest } = spec;
    const other = OTHERWISE[spec.name];
    return other === undefined ? spec : { ...rest, ...other };
  });
  const grammar = grammarOf({
    usage: 'sidecar [options]',
    about: ABOUT,
    examples: EXAMPLES,
    options: [...options, ...SIDECAR_OPTIONS],
    sidecar: true,
  });
  return parseWords(grammar, given, []);
}
