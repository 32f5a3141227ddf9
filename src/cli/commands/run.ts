import { Command, CommanderError, Option } from 'commander';
import type { Doubt } from '../../core/state/settings.ts';
import { textOfBytes } from '../../core/text/bytes.ts';
import type { Given, Invocation } from '../invocation.ts';
import type { OptionSpec } from '../option.ts';
import { RUN_OPTIONS, variableOf } from '../options.ts';
import type { RawOption, RawOptions } from '../raw.ts';
import { validate } from '../validate.ts';
import { type Flags, flagsOf, plainWords, type Words } from '../words.ts';

const EXAMPLES = `
Examples:
  rehup -w /etc/nginx/conf.d --on-change SIGHUP nginx -g 'daemon off;'
  rehup -w /etc/app node server.js
  rehup -w /etc/app=restart -w /etc/app/tls.crt=SIGHUP -- app --port 8080

A COMMAND inside an option is split into words as a shell would, with quotes, and runs without a shell.
A DURATION is 250ms, 5s, 2m, 1h or a number of seconds. Every option has a variable: --on-change is REHUP_ON_CHANGE;
one that can be repeated takes a value per line. The command line wins.
Exit code: the child's; 128+n if signal n ended it; 127 not found, 126 not executable, 125 rehup itself failed.`;

/** The width of a help that goes to no terminal. */
const WIDTH = 100;

/** Text is wrapped down to so many columns; less holds no word. */
const NARROWEST = 10;

/** Made once, when this file is loaded: in the static executable that is when it is built. */
export const RUN = grammarOf({
  usage: '[run] [options] [--] COMMAND [ARG...]',
  about:
    'A PID 1 for containers: starts COMMAND, watches mounted ConfigMaps and Secrets, and makes a change of their content take effect in it.',
  examples: EXAMPLES,
  options: RUN_OPTIONS,
  sidecar: false,
});

/** What a subcommand is told by, and what its help says. */
type Shape = {
  readonly usage: string;
  readonly about: string;
  readonly examples: string;
  readonly options: readonly OptionSpec[];
  readonly sidecar: boolean;
};

type Grammar = Shape & {
  /** Made when it is needed: most command lines are plain, and commander takes much of the memory of a small engine. */
  readonly program: () => Command;
  readonly flags: Flags;
  /** By the variables of the options. */
  readonly variables: ReadonlyMap<string, OptionSpec>;
  /** What holds where nothing is given, of all options that there are. */
  readonly defaults: RawOptions;
};

export function grammarOf(shape: Shape): Grammar {
  const { options } = shape;
  return {
    ...shape,
    program: () => newProgram(shape),
    flags: flagsOf(options),
    variables: new Map(options.map((spec) => [variableOf(spec), spec])),
    defaults: new Map([...RUN_OPTIONS, ...options].map((spec) => [spec.name, valueByDefault(spec)])),
  };
}

/** Of the parse under way: what commander had to say, and who knows how wide that may be. */
let output = '';
let columns: Given['columns'] = () => undefined;

/** Parses `rehup run`: everything from the first word that is no option belongs to the command. */
export function parseRun(given: Given): Invocation {
  return parseWords(RUN, given, []);
}

/** Parses by the options of a subcommand; what else there is has its default. */
export function parseWords(grammar: Grammar, given: Given, doubts: readonly Doubt[]): Invocation {
  const { options } = grammar;
  const plain = plainWords(grammar.flags, given.words);
  if (plain !== undefined) return validateWords(grammar, given, plain, doubts);
  columns = given.columns;
  let words: Words;
  try {
    words = commanderWords(grammar, given.words);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isMeant = (word: string) => LONG_AND_VALUE.test(word) && error.message.includes(`'${word}'`);
    const index = error.code === 'commander.unknownOption' ? given.words.findIndex(isMeant) : -1;
    const parted = partWord(options, given, index, LONG_AND_VALUE);
    if (parted !== undefined) return parseWords(grammar, parted.given, [...doubts, parted.doubt]);
    if (error.code === 'commander.version') return { kind: 'print', text: `${given.version}\n` };
    return error.exitCode === 0
      ? { kind: 'print', text: output }
      : { kind: 'refuse', message: refusal(error) };
  }
  const own = given.words.slice(0, given.words.length - words.command.length);
  const index = own.findIndex((word) => SHORT_AND_VALUE.test(word));
  const parted = partWord(options, given, index, SHORT_AND_VALUE);
  if (parted !== undefined) return parseWords(grammar, parted.given, [...doubts, parted.doubt]);
  return validateWords(grammar, given, words, doubts);
}

/**
 * What words say, told by commander.
 *
 * @throws CommanderError where they are none of this grammar, or ask for help
 */
export function commanderWords({ program, options }: Grammar, words: readonly string[]): Words {
  output = '';
  const asked = program();
  asked.parse([...words], { from: 'user' });
  const values = options.flatMap((spec) => {
    const value: unknown = asked.getOptionValue(new Option(spec.flags).attributeName());
    if (value === undefined) return [];
    return [[spec.name, Array.isArray(value) ? value.map(String) : [String(value)]] as const];
  });
  return { values: new Map(values), command: asked.args };
}

/** What words say, the variables of the environment, and the defaults, in this order. */
function validateWords(
  { variables, defaults, sidecar }: Grammar,
  given: Given,
  { values, command }: Words,
  doubts: readonly Doubt[],
): Invocation {
  const raw = new Map(defaults);
  for (const [variable, text] of given.environment) {
    const spec = variables.get(variable);
    const told = spec === undefined ? [] : variableValues(text, spec);
    if (spec !== undefined && told.length > 0)
      raw.set(spec.name, { values: told, source: variable, given: true });
  }
  for (const [name, told] of values) raw.set(name, { values: told, source: `--${name}`, given: true });
  return validate(given, command, raw, { doubts, sidecar });
}

/** What a variable says; nothing where it is blank. */
function variableValues(value: string, { repeatable }: OptionSpec): readonly string[] {
  // A block of YAML ends in a newline, and one that was written elsewhere has a return at each line's end.
  const lines = repeatable ? value.split('\n') : [value];
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** What was meant by a word that is an option with its value, as one item of a list in YAML may be: `--watch /etc/app`. */
const LONG_AND_VALUE = /^(--[a-z-]+)[ \t]+(\S.*)$/s;
const SHORT_AND_VALUE = /^(-w)[ \t]+(\S.*)$/s;

/** The words with one of them made two, and what is to be said of it; undefined if it is no option that takes a value. */
function partWord(
  options: readonly OptionSpec[],
  given: Given,
  index: number,
  shape: RegExp,
): { readonly given: Given; readonly doubt: Doubt } | undefined {
  const [word = '', flag = '', value = ''] = shape.exec(given.words[index] ?? '') ?? [];
  const isOption = options.some(({ flags }) => flags.endsWith('>') && flags.split(/[ ,]+/).includes(flag));
  if (!isOption) return undefined;
  const words = [...given.words.slice(0, index), flag, value, ...given.words.slice(index + 1)];
  const text = 'an option and its value in one word; make them two';
  return { given: { ...given, words }, doubt: { about: textOfBytes(word), text } };
}

function newProgram({ usage, about, examples, options }: Shape): Command {
  const made = new Command('rehup')
    .usage(usage)
    .description(about)
    // What is printed is the host's.
    .version('', '--version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .argument('[command...]')
    .passThroughOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        output += text;
      },
      writeErr: () => {},
      getOutHasColors: () => false,
      getOutHelpWidth: () => columns() ?? WIDTH,
    })
    .configureHelp({ minWidthToWrap: NARROWEST })
    .addHelpText('after', ({ command }) => command.createHelp().boxWrap(examples, columns() ?? WIDTH));
  for (const spec of options) {
    const option = new Option(spec.flags, spec.description).helpGroup(`${spec.group}:`);
    // Shown only: whether an option was given must stay visible until the variables have been asked.
    if (spec.default !== undefined) option.description = `${spec.description} (default: ${spec.default})`;
    else if (spec.repeatable) option.description = `${spec.description} (repeatable)`;
    if (spec.repeatable)
      option.argParser((value: string, before: readonly string[] = []) => [...before, value]);
    made.addOption(option);
  }
  return made;
}

function valueByDefault(spec: OptionSpec): RawOption {
  const values = spec.default === undefined ? [] : [spec.default];
  return { values, source: `--${spec.name}`, given: false };
}

/** What commander says last of an option that is like one that there is, with a `?)` at the end. */
const SIMILAR = '(Did you mean ';

/** Commander's complaint in our form: the option, what is wrong, what would be right. */
function refusal(error: CommanderError): string {
  const { message } = error;
  const quoted = textOfBytes(/'([^']*)'/.exec(message)?.[1] ?? '');
  const flag = quoted.split(' ').find((word) => word.startsWith('--')) ?? quoted;
  switch (error.code) {
    case 'commander.unknownOption': {
      const start = message.lastIndexOf(SIMILAR);
      const similar = start < 0 ? undefined : message.slice(start + SIMILAR.length, -')'.length);
      const hint = similar === undefined ? 'see rehup --help' : `did you mean ${textOfBytes(similar)}`;
      return `${quoted}: no such option; ${hint}`;
    }
    case 'commander.optionMissingArgument':
      return `${flag}: its value is missing; see rehup --help`;
    default:
      return `${textOfBytes(message.replace(/^error: /, ''))}; see rehup --help`;
  }
}
