import { Command, CommanderError, Option } from 'commander';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../../core/log/log.ts';
import { textOfBytes } from '../../core/text/bytes.ts';
import { parseDuration, parseLimit } from '../../core/text/duration.ts';
import { failure, type Result, success } from '../../core/text/result.ts';
import type { Given } from '../invocation.ts';
import { parseListen } from '../listen.ts';
import { variableOf } from '../options.ts';
import { wantsColours } from '../validate.ts';
import { CONTROLLER_OPTIONS } from './controller-options.ts';

/* `rehup controller`; only the Node edition loads this. */

/** What the controller is told; times in ms. */
export type ControllerSettings = {
  readonly kubeconfig: string | undefined;
  /** All if empty. */
  readonly namespaces: readonly string[];
  readonly namespaceSelector: string | undefined;
  readonly reloadAll: boolean;
  readonly secrets: boolean;
  readonly settle: number;
  readonly splay: number;
  readonly maxRolling: number;
  readonly maxRollingTotal: number;
  readonly strategy: 'template' | 'evict';
  readonly deadline: number;
  readonly halt: boolean;
  readonly listen: { readonly host: string | undefined; readonly port: number };
  readonly listenStatus: boolean;
  readonly notifyFile: string | undefined;
  /** Undefined for none; the namespace is its own where none is named. */
  readonly lease: { readonly namespace: string | undefined; readonly name: string } | undefined;
  readonly qps: number;
  readonly dryRun: boolean;
  readonly logLevel: LogLevel | 'silent';
  readonly logFormat: LogFormat;
  readonly colours: boolean;
};

export type ControllerInvocation =
  | { readonly kind: 'control'; readonly settings: ControllerSettings }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'refuse'; readonly message: string };

class Refusal extends Error {}

const WIDTH = 100;

const MORE = `
A DURATION is 250ms, 5s, 2m, 1h or a number of seconds. Every option has a variable: --max-rolling is
REHUP_MAX_ROLLING. Annotations of a workload come before these; docs/controller.md has them.`;

/** Parses the words after `controller`. */
export function parseController(given: Given): ControllerInvocation {
  let output = '';
  const columns = given.columns() ?? WIDTH;
  const program = new Command('rehup controller')
    .usage('[options]')
    .description(
      'For a whole cluster: rolls out annotated Deployments, StatefulSets and DaemonSets when a ConfigMap or Secret that they refer to changes, one first and then the others, and stops where content is bad.',
    )
    .helpOption('-h, --help', 'print this help and exit')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        output += text;
      },
      writeErr: () => {},
      getOutHasColors: () => false,
      getOutHelpWidth: () => columns,
    })
    .addHelpText('after', ({ command }) => command.createHelp().boxWrap(MORE, columns));
  for (const { flags, description, default: otherwise, repeatable } of CONTROLLER_OPTIONS) {
    const shown = otherwise === undefined ? description : `${description} (default: ${otherwise})`;
    if (repeatable)
      program.option(flags, `${shown} (repeatable)`, (value: string, before: readonly string[] = []) => [
        ...before,
        value,
      ]);
    else program.option(flags, shown);
  }
  try {
    program.parse([...given.words], { from: 'user' });
    return { kind: 'control', settings: settingsOf(given, program.opts()) };
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refuse', message: error.message };
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'print', text: output };
    const message = textOfBytes(error.message.replace(/^error: /, '').split('\n', 1)[0] ?? '');
    return { kind: 'refuse', message: `${message}; see rehup controller --help` };
  }
}

function settingsOf(given: Given, options: Readonly<Record<string, unknown>>): ControllerSettings {
  const values = (name: string): readonly { readonly text: string; readonly source: string }[] => {
    const spec = CONTROLLER_OPTIONS.find((one) => one.name === name);
    const option = new Option(spec?.flags ?? `--${name}`);
    const value = options[option.attributeName()];
    const source = `--${name}`;
    if (Array.isArray(value)) return value.map((one) => ({ text: String(one), source }));
    // commander has `--no-secrets` as a `secrets` that is true until it is given.
    const isGiven = option.negate ? value === false : value !== undefined;
    if (isGiven) return [{ text: typeof value === 'boolean' ? 'on' : String(value), source }];
    const variable = variableOf({ name });
    const text = given.environment.get(variable)?.trim() ?? '';
    if (text !== '') {
      const lines = spec?.repeatable === true ? text.split('\n').map((line) => line.trim()) : [text];
      return lines.filter((line) => line !== '').map((line) => ({ text: line, source: variable }));
    }
    return spec?.default === undefined ? [] : [{ text: spec.default, source }];
  };
  const each = <Value>(name: string, parser: (text: string) => Result<Value>): readonly Value[] =>
    values(name).map(({ text, source }) => {
      const result = parser(text);
      if (result.ok) return result.value;
      throw new Refusal(`${source} ${textOfBytes(text)}: ${result.error}`);
    });
  const one = <Value>(name: string, parser: (text: string) => Result<Value>): Value => {
    const [value] = each(name, parser);
    if (value === undefined)
      throw new Refusal(`--${name}: its value is missing; see rehup controller --help`);
    return value;
  };
  const namespaces = each('namespace', parseNamespace);
  const [namespaceSelector] = each('namespace-selector', (text) => success(text));
  if (namespaces.length > 0 && namespaceSelector !== undefined)
    throw new Refusal('--namespace-selector: it can not be had together with --namespace; use one of them');
  const [format] = each('log-format', (text) => parseWord(text, LOG_FORMATS));
  const levels: readonly (LogLevel | 'silent')[] = [...(Object.keys(LOG_LEVELS) as LogLevel[]), 'silent'];
  return {
    kubeconfig: each('kubeconfig', (text) => success(text))[0],
    namespaces,
    namespaceSelector,
    reloadAll: one('reload-all', parseSwitch),
    secrets: !one('no-secrets', parseSwitch),
    settle: one('settle', parseDuration),
    splay: one('splay', parseDuration),
    maxRolling: one('max-rolling', parseNumber),
    maxRollingTotal: one('max-rolling-total', parseNumber),
    strategy: one('strategy', (text) => parseWord(text, ['template', 'evict'] as const)),
    deadline: one('deadline', parseLimit),
    halt: one('halt', parseSwitch),
    listen: one('listen', parseListen),
    listenStatus: one('listen-status', parseSwitch),
    notifyFile: each('notify-file', (text) => success(text))[0],
    lease: each('lease', parseLease)[0],
    qps: one('qps', parseNumber),
    dryRun: one('dry-run', parseSwitch),
    logLevel: one('log-level', (text) => parseWord(text, levels)),
    logFormat: format ?? (given.terminal ? 'pretty' : 'json'),
    colours: wantsColours(given, given.terminal),
  };
}

/** A DNS label (RFC 1123), as Kubernetes has it for namespaces. */
function parseNamespace(text: string): Result<string> {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)
    ? success(text)
    : failure('no name of a namespace; use small letters, digits and -');
}

function parseLease(text: string): Result<ControllerSettings['lease']> {
  if (text === 'off') return success(undefined);
  const [first = '', second, ...more] = text.split('/');
  const [namespace, name] = second === undefined ? [undefined, first] : [first, second];
  const isName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name);
  if (more.length > 0 || !isName || (namespace !== undefined && !parseNamespace(namespace).ok))
    return failure('not NAMESPACE/NAME; use for example rehup/rehup-controller, or off');
  return success({ namespace, name });
}

function parseSwitch(text: string): Result<boolean> {
  if (['on', 'true', '1'].includes(text)) return success(true);
  return ['off', 'false', '0'].includes(text) ? success(false) : failure('neither on nor off; use on or off');
}

function parseNumber(text: string): Result<number> {
  return /^[1-9]\d{0,5}$/.test(text) ? success(Number(text)) : failure('not a number; use for example 10');
}

function parseWord<Word extends string>(text: string, words: readonly Word[]): Result<Word> {
  const word = words.find((candidate) => candidate === text);
  return word === undefined ? failure(`not one of these: ${words.join(', ')}`) : success(word);
}
