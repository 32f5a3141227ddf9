import { Command, CommanderError, Option } from 'commander';
import { textOfBytes } from '../core/bytes.ts';
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

/** Parses `rehup run`: everything from the first word that is no option belongs to the command. */
export function parseRun(given: Given): Invocation {
  let output = '';
  const program = newProgram(given, (text) => {
    output += text;
  });
  try {
    program.parse([...given.words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0
      ? { kind: 'print', text: output }
      : { kind: 'refuse', message: refusal(error) };
  }
  const raw: RawOptions = new Map(RUN_OPTIONS.map((spec) => [spec.name, valuesOf(program, given, spec)]));
  return validate(given, program.args, raw);
}

function newProgram(given: Given, write: (text: string) => void): Command {
  const program = new Command('rehup')
    .usage('[run] [options] [--] COMMAND [ARG...]')
    .description(
      'A PID 1 for containers: starts COMMAND, watches mounted ConfigMaps and Secrets, and makes a change of their content take effect in it.',
    )
    .version(given.version, '--version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .argument('[command...]')
    .passThroughOptions()
    .exitOverride()
    .configureOutput({
      writeOut: write,
      writeErr: () => {},
      getOutHasColors: () => false,
      getOutHelpWidth: () => given.columns() ?? WIDTH,
    })
    .addHelpText('after', EXAMPLES);
  for (const spec of RUN_OPTIONS) {
    const option = new Option(spec.flags, spec.description).helpGroup(`${spec.group}:`);
    // Shown only: whether an option was given must stay visible until the variables have been asked.
    if (spec.default !== undefined) option.description = `${spec.description} (default: ${spec.default})`;
    else if (spec.repeatable) option.description = `${spec.description} (repeatable)`;
    if (spec.repeatable)
      option.argParser((value: string, before: readonly string[] = []) => [...before, value]);
    program.addOption(option);
  }
  return program;
}

/** The values of an option, from the command line, else from its variable, else its default. */
function valuesOf(program: Command, given: Given, spec: OptionSpec): RawOption {
  const camel = spec.name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const value: unknown = program.getOptionValue(camel);
  const source = `--${spec.name}`;
  if (Array.isArray(value)) return { values: value.map(String), source, given: true };
  if (value !== undefined) return { values: [String(value)], source, given: true };
  const variable = given.environment.get(variableOf(spec));
  if (variable === undefined || variable === '') {
    return { values: spec.default === undefined ? [] : [spec.default], source, given: false };
  }
  const values = spec.repeatable ? variable.split('\n').filter((line) => line !== '') : [variable];
  return { values, source: variableOf(spec), given: true };
}

/** Commander's complaint in our form: the option, what is wrong, what would be right. */
function refusal(error: CommanderError): string {
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const flag = quoted.split(' ').find((word) => word.startsWith('--')) ?? quoted;
  switch (error.code) {
    case 'commander.unknownOption': {
      const similar = /\(Did you mean (.*)\?\)/.exec(error.message)?.[1];
      const hint = similar === undefined ? 'see rehup --help' : `did you mean ${similar}?`;
      return `${quoted}: no such option; ${hint}`;
    }
    case 'commander.optionMissingArgument':
      return `${flag}: its value is missing; see rehup --help`;
    default:
      return `${textOfBytes(error.message.replace(/^error: /, ''))}; see rehup --help`;
  }
}
