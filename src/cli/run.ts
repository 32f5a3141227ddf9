import { Command, CommanderError, Option } from 'commander';
import { textOfBytes } from '../core/text/bytes.ts';
import type { Given, Invocation } from './invocation.ts';
import { type OptionSpec, RUN_OPTIONS, variableOf } from './options.ts';
import { type RawOption, type RawOptions, validate } from './validate.ts';

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

/**
 * Made once, when this file is loaded: in the static executable that is when it is built. At each parse commander forgets
 * what it was told before.
 */
const program = newProgram();

/** Where the value of an option is found: in commander under its attribute, and in the environment. */
type Source = { readonly spec: OptionSpec; readonly attribute: string; readonly variable: string };

const SOURCES: readonly Source[] = RUN_OPTIONS.map((spec) => ({
  spec,
  attribute: new Option(spec.flags).attributeName(),
  variable: variableOf(spec),
}));

/** Of the parse under way: what commander had to say, and who knows how wide that may be. */
let output = '';
let columns: Given['columns'] = () => undefined;

/** Parses `rehup run`: everything from the first word that is no option belongs to the command. */
export function parseRun(given: Given): Invocation {
  output = '';
  columns = given.columns;
  try {
    program.parse([...given.words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.version') return { kind: 'print', text: `${given.version}\n` };
    return error.exitCode === 0
      ? { kind: 'print', text: output }
      : { kind: 'refuse', message: refusal(error) };
  }
  const raw: RawOptions = new Map(SOURCES.map((source) => [source.spec.name, valuesOf(given, source)]));
  return validate(given, program.args, raw);
}

function newProgram(): Command {
  const made = new Command('rehup')
    .usage('[run] [options] [--] COMMAND [ARG...]')
    .description(
      'A PID 1 for containers: starts COMMAND, watches mounted ConfigMaps and Secrets, and makes a change of their content take effect in it.',
    )
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
    .addHelpText('after', ({ command }) => command.createHelp().boxWrap(EXAMPLES, columns() ?? WIDTH));
  for (const spec of RUN_OPTIONS) {
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

/** The values of an option, from the command line, else from its variable, else its default. */
function valuesOf(given: Given, { spec, attribute, variable }: Source): RawOption {
  const value: unknown = program.getOptionValue(attribute);
  const source = `--${spec.name}`;
  if (Array.isArray(value)) return { values: value.map(String), source, given: true };
  if (value !== undefined) return { values: [String(value)], source, given: true };
  // A block of YAML ends in a newline, and one that was written elsewhere has a return at each line's end.
  const text = given.environment.get(variable)?.trim() ?? '';
  if (text === '') {
    return { values: spec.default === undefined ? [] : [spec.default], source, given: false };
  }
  const lines = text.split('\n').map((line) => line.trim());
  const values = spec.repeatable ? lines.filter((line) => line !== '') : [text];
  return { values, source: variable, given: true };
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
