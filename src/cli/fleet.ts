import type { Doubt, FleetSettings, Settings } from '../core/state/settings.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { parseHttp } from '../core/text/endpoint.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import type { OptionSpec } from './option.ts';

/** Those of a fleet, of `rehup run` and of what else asks for a slot. */
export const FLEET_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--fleet-lock <url>',
    name: 'fleet-lock',
    group: 'Reloading',
    description:
      'before new content is told or published: get a slot from the FleetLock server at http://HOST[:PORT][/PATH], and keep it if the content fails, so that it stops at the first replica',
    repeatable: false,
  },
  {
    flags: '--fleet-group <name>',
    name: 'fleet-group',
    group: 'Reloading',
    default: 'default',
    description: 'the group whose slots these are, one for each workload: letters, digits, - and .',
    repeatable: false,
  },
  {
    flags: '--fleet-id <name>',
    name: 'fleet-id',
    group: 'Reloading',
    description: "who asks, unlike any other in the group: the pod's name (default: the host name)",
    repeatable: false,
  },
  {
    flags: '--fleet-token <file>',
    name: 'fleet-token',
    group: 'Reloading',
    description: 'a token that is sent to the server as Bearer, read anew each time',
    repeatable: false,
  },
  {
    flags: '--fleet-timeout <duration>',
    name: 'fleet-timeout',
    group: 'Reloading',
    default: '0',
    description: 'go on without a slot after this, with a warning; 0: never',
    repeatable: false,
  },
];

/** The value of `--fleet-lock`: where the protocol's paths are put behind. */
export function parseServer(text: string): Result<FleetSettings['endpoint']> {
  const endpoint = parseHttp(text);
  if (endpoint.ok && endpoint.value.resource.includes('?'))
    return failure("a query can't stand before the paths of the protocol; leave it out");
  return endpoint;
}

/** The value of `--fleet-group` or `--fleet-id`: any text on one line. */
export function parseName(text: string): Result<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are meant.
  return /^[^\x00-\x1f\x7f]{1,253}$/.test(text)
    ? success(text)
    : failure('empty, longer than 253 bytes, or more than one line; use for example default-deployment-web');
}

/** What every server takes (poseidon's makes a Lease of that name). */
const PLAIN = /^[A-Za-z0-9.-]+$/;

/** What is probably a mistake; `source` is what the group was written into. */
export function fleetDoubts(
  { fleet, stages, watches }: Pick<Settings, 'fleet' | 'stages' | 'watches'>,
  source: string,
): readonly Doubt[] {
  if (fleet === undefined) return [];
  const refused =
    'other characters than letters, digits, - and . are refused by some servers (poseidon/fleetlock); use for example default-deployment-web';
  const unstaged =
    'without --stage a container that is started anew uses new content without a slot; with --stage it starts on the last good content';
  return [
    ...(PLAIN.test(fleet.group) ? [] : [{ about: `${source} ${textOfBytes(fleet.group)}`, text: refused }]),
    ...(stages.length > 0 || watches.length === 0 ? [] : [{ about: '--fleet-lock', text: unstaged }]),
  ];
}
