import { LOG_FORMATS, LOG_LEVELS, type LogLevel } from '../core/log/log.ts';
import { parseSignal, SIGCHLD, SIGKILL, SIGSTOP, type Signal } from '../core/process/signals.ts';
import { parsePodAction } from '../core/sidecar/action.ts';
import { FIRST_INTERVAL } from '../core/sidecar/ending.ts';
import { SIDECAR_ROOM } from '../core/sidecar/room.ts';
import { type Action, parseAction } from '../core/state/action.ts';
import {
  type Doubt,
  EXIT_POLICIES,
  type FleetSettings,
  type Origins,
  type Ready,
  SIGNAL_TARGETS,
} from '../core/state/settings.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { parseDuration, parseLimit } from '../core/text/duration.ts';
import { compileGlob, pathPredicate } from '../core/text/glob.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import { parseCheck } from './check.ts';
import { doubtsOf } from './doubts.ts';
import { parseName, parseServer } from './fleet.ts';
import type { Given, Invocation } from './invocation.ts';
import { parseListen } from './listen.ts';
import type { RawOption, RawOptions } from './raw.ts';
import { parseHealth, parseReady } from './ready.ts';
import {
  distinctDirectory,
  parseDirectory,
  parseStage,
  parseWatch,
  separateStage,
  withSources,
} from './watched.ts';

/** Carries the first thing that is wrong out of the validation. */
class Refusal extends Error {}

/** What became of the defaults: they never change, and most of them hold at each start. */
const OF_DEFAULTS = new WeakMap<RawOption, readonly unknown[]>();

/** For which subcommand it is, and what was noticed of its words. */
export type Whose = { readonly sidecar: boolean; readonly doubts: readonly Doubt[] };

/** The one validation: from words to settings that the rest of the program trusts, or to the line that says what is wrong. */
export function validate(
  given: Given,
  command: readonly string[],
  raw: RawOptions,
  whose: Whose,
): Invocation {
  try {
    return validated(given, command, raw, whose);
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refuse', message: error.message };
    throw error;
  }
}

function validated(
  given: Given,
  command: readonly string[],
  raw: RawOptions,
  { doubts, sidecar }: Whose,
): Invocation {
  function each<Value>(
    name: string,
    parser: (text: string, index: number) => Result<Value>,
  ): readonly Value[] {
    const option = raw.get(name);
    if (option === undefined || option.values.length === 0) return [];
    const known = OF_DEFAULTS.get(option);
    // An option has one parser, but for the indices of what has no default.
    if (known !== undefined) return known as readonly Value[];
    const parsed = option.values.map((text, index) => {
      const result = parser(text, index);
      if (result.ok) return result.value;
      throw new Refusal(`${option.source} ${textOfBytes(text)}: ${result.error}`);
    });
    if (!option.given) OF_DEFAULTS.set(option, parsed);
    return parsed;
  }
  function one<Value>(name: string, parser: (text: string) => Result<Value>): Value {
    const [value] = each(name, parser);
    if (value === undefined) throw new Refusal(`--${name}: its value is missing; see rehup --help`);
    return value;
  }

  const actionOf = sidecar ? parsePodAction : parseAction;
  const [common] = each('on-change', actionOf);
  const watchOptions = each('watch', (text) => parseWatch(text, common, given.cwd, actionOf));
  // A sidecar has no default, and needs none where each watch has an action of its own.
  const onChange = common ?? watchOptions[0]?.action;
  if (onChange === undefined)
    throw new Refusal(
      '--on-change: what is a change to do? use for example SIGHUP:nginx, exit:88 or http://127.0.0.1/reload',
    );
  const directories = each('env-dir', (text) => parseDirectory(text, given.cwd));
  const environmentDirectories = each('env-dir', (_, index) => distinctDirectory(directories, index));
  const stageOptions = each('stage', (text) => parseStage(text, given.cwd));
  const watches = withSources(watchOptions, stageOptions, onChange);
  const watched = [...watches.map((watch) => watch.path), ...environmentDirectories];
  const stages = each('stage', (_, index) => separateStage(stageOptions, index, watched));
  const sources = [...new Set(watches.map((watch) => watch.path))];
  const [check] = each('check', (text) => parseCheck(text, sources, given.cwd));
  const [ready] = each('ready', parseReady);
  const [health] = each('health', parseHealth);
  const healthTimeout = sidecar ? one('health-timeout', parseLimit) : 0;
  const [listen] = each('listen', parseListen);
  const fleet = fleetOf();
  const levels: readonly (LogLevel | 'silent')[] = [...(Object.keys(LOG_LEVELS) as LogLevel[]), 'silent'];
  const logLevel = one('log-level', (text) => parseWord(text, levels));
  /** What is named by several is said of the one that comes last here, since it is the plainest. */
  function originsOf(): Origins {
    const from = (name: string) => raw.get(name)?.source ?? `--${name}`;
    return new Map([
      ...environmentDirectories.map((path) => [path, from('env-dir')] as const),
      ...stageOptions.flatMap(({ source, target }) =>
        [source, target].map((path) => [path, from('stage')] as const),
      ),
      ...watchOptions.map(({ path }) => [path, from('watch')] as const),
    ]);
  }
  function fleetOf(): FleetSettings | undefined {
    const [endpoint] = each('fleet-lock', parseServer);
    const group = one('fleet-group', parseName);
    const [id] = each('fleet-id', parseName);
    const [token] = each('fleet-token', (text) => parseDirectory(text, given.cwd));
    const timeout = one('fleet-timeout', parseDuration);
    if (endpoint === undefined) return undefined;
    return { endpoint, group, id, token, timeout };
  }
  const ends = [onChange, ...watches.map(({ action }) => action)].some(({ kind }) => kind === 'exit');
  const growing = sidecar && ends && raw.get('min-interval')?.given !== true;
  const settings = {
    sidecar,
    pod: sidecar
      ? { state: each('state', (text) => parseDirectory(text, given.cwd))[0], growing, health, healthTimeout }
      : undefined,
    command,
    watches,
    onChange,
    ignore: pathPredicate(each('ignore', compileGlob)),
    allowEmpty: one('allow-empty', parseSwitch),
    settle: one<number | 'auto'>('settle', (text) => (text === 'auto' ? success(text) : parseDuration(text))),
    poll: one('poll', parseDuration),
    minInterval: growing ? FIRST_INTERVAL : one('min-interval', parseDuration),
    verify: one('verify', parseDuration),
    stopSignal: one('stop-signal', parseStopSignal),
    translateStop: raw.get('stop-signal')?.given === true,
    stopTimeout: one('stop-timeout', parseLimit),
    signalTo: one('signal-to', (text) => parseWord(text, SIGNAL_TARGETS)),
    rewrites: new Map(each('rewrite-signal', parseRewrite)),
    exitMap: new Map(each('map-exit', parseExitMapping)),
    onExit: one('on-exit', (text) => parseWord(text, EXIT_POLICIES)),
    maxRestarts: one('max-restarts', parseCount),
    check,
    checkTimeout: one('check-timeout', parseLimit),
    stages,
    origins: originsOf(),
    silent: logLevel === 'silent',
    listen,
    listenStatus: one('listen-status', parseSwitch),
    socket: each('socket', (text) => parseDirectory(text, given.cwd))[0],
    ready: ready ?? health,
    readyTimeout: one('ready-timeout', parseLimit),
    actionTimeout: one('action-timeout', parseLimit),
    splay: one('splay', parseDuration),
    fleet,
    drain: one('drain', parseDuration),
    dryRun: one('dry-run', parseSwitch),
    environmentDirectories,
  };
  refuseStopAsReload(settings.stopSignal, [onChange, ...watches.map((watch) => watch.action)]);
  const [logFormat] = each('log-format', (text) => parseWord(text, LOG_FORMATS));
  if (sidecar) refuseForSidecar(command, watches.length, ready);
  else if (command.length === 0)
    throw new Refusal('no COMMAND to run; for example: rehup -w /etc/app -- node server.js');
  return {
    kind: 'run',
    room: sidecar ? SIDECAR_ROOM : undefined,
    settings: { ...settings, doubts: [...doubts, ...doubtsOf(given, raw, settings)] },
    logLevel,
    logFormat: logFormat ?? (given.terminal ? 'pretty' : 'json'),
    colours: wantsColours(given, given.terminal),
  };
}

/** What a sidecar has no use for, or nothing to do without. */
function refuseForSidecar([word]: readonly string[], watches: number, ready: Ready | undefined): void {
  if (word !== undefined)
    throw new Refusal(`${textOfBytes(word)}: a sidecar runs no COMMAND; see rehup sidecar --help`);
  if (watches === 0) throw new Refusal('no --watch to look at; for example: rehup sidecar -w /etc/app');
  if (ready?.kind === 'notify' || ready?.kind === 'notify-fd')
    throw new Refusal(`--ready ${ready.kind}: only a child can say so; use http://, tcp:// or exec:`);
}

/** Colours only on a terminal that has them, and not where they are declined: no-color.org, `TERM=dumb` of terminfo(5). */
export function wantsColours({ environment }: Given, terminal: boolean): boolean {
  return terminal && (environment.get('NO_COLOR') ?? '') === '' && environment.get('TERM') !== 'dumb';
}

/** `FROM:TO`, two texts; undefined if it is not that. */
function parsePair(text: string): readonly [string, string] | undefined {
  const [from, to, ...more] = text.split(':');
  return from === undefined || to === undefined || more.length > 0 ? undefined : [from, to];
}

function parseRewrite(text: string): Result<readonly [Signal, Signal | 0]> {
  const pair = parsePair(text);
  if (pair === undefined) return failure('not FROM:TO; use for example TERM:QUIT, or HUP:0 to drop it');
  const from = parseSignal(pair[0]);
  if (!from.ok) return failure(`${textOfBytes(pair[0])} is ${from.error}`);
  if ([SIGKILL, SIGSTOP].includes(from.value))
    return failure(`${textOfBytes(pair[0])} can't be caught; use another`);
  if (from.value === SIGCHLD) return failure('SIGCHLD is for rehup itself; use another');
  if (pair[1] === '0') return success([from.value, 0]);
  const to = parseSignal(pair[1]);
  return to.ok ? success([from.value, to.value]) : failure(`${textOfBytes(pair[1])} is ${to.error}`);
}

/** An exit code is one byte: exit(3). */
const MOST_EXIT_CODE = 255;

function parseExitMapping(text: string): Result<readonly [number, number]> {
  const codes = parsePair(text)?.map((word) => (/^\d{1,3}$/.test(word) ? Number(word) : Number.NaN)) ?? [];
  const [from = Number.NaN, to = Number.NaN] = codes;
  return from <= MOST_EXIT_CODE && to <= MOST_EXIT_CODE
    ? success([from, to])
    : failure('not FROM:TO with codes from 0 to 255; use for example 143:0');
}

/** An option without a value, which is `true` where it was given; its variable says whether it is. */
function parseSwitch(text: string): Result<boolean> {
  if (['on', 'true', '1'].includes(text)) return success(true);
  return ['off', 'false', '0'].includes(text) ? success(false) : failure('neither on nor off; use on or off');
}

function parseCount(text: string): Result<number> {
  return /^\d{1,9}$/.test(text)
    ? success(Number(text))
    : failure('not a number of restarts; use for example 5, or 0 for none');
}

function parseStopSignal(text: string): Result<number> {
  const signal = parseSignal(text);
  if (signal.ok && [SIGKILL, SIGSTOP, SIGCHLD].some((never) => never === signal.value)) {
    return failure("can't ask anything to stop; use for example SIGTERM, SIGQUIT, SIGINT");
  }
  return signal;
}

/** The signal of `--stop-signal` means stop, so it can't also mean reload. */
function refuseStopAsReload(stopSignal: number, actions: readonly Action[]): void {
  const clash = actions.some((action) => action.kind === 'signal' && action.signal === stopSignal);
  if (clash)
    throw new Refusal(
      '--stop-signal: a signal that means stop is also an action; use another for one of them',
    );
}

function parseWord<Word extends string>(text: string, words: readonly Word[]): Result<Word> {
  const word = words.find((candidate) => candidate === text);
  return word === undefined ? failure(`unknown; use ${listed(words)}`) : success(word);
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
