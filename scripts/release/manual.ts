import type { OptionSpec } from '../../src/cli/option.ts';
import { RUN_OPTIONS, variableOf } from '../../src/cli/options.ts';
import type { Facts } from './facts.ts';
import { SUBCOMMANDS, type Subcommand } from './subcommands.ts';

/* rehup(1), in mdoc(7), made of the options. */

const GROUPS = [...new Set(RUN_OPTIONS.map(({ group }) => group))];

/** mdoc(7) wants no longer ones. */
const WIDTH = 78;

const EXIT_CODES: readonly (readonly [code: string, text: string])[] = [
  ["the child's", 'It ended by itself.'],
  ['128+n', 'Signal n ended it.'],
  ['127', 'COMMAND was not found.'],
  ['126', 'COMMAND could not be executed.'],
  ['125', 'rehup itself failed, or was given words that it does not take.'],
];

/** The manual page. */
export function manualPage({ version, epoch, repository }: Facts): string {
  const date = new Date(epoch * 1000);
  const month = date.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' });
  return [
    `.Dd ${month} ${date.getUTCDate()}, ${date.getUTCFullYear()}`,
    '.Dt REHUP 1',
    '.Os',
    '.Sh NAME',
    '.Nm rehup',
    '.Nd PID 1 for containers that makes changed configuration take effect',
    '.Sh SYNOPSIS',
    '.Nm',
    '.Op Cm run',
    '.Op Ar options',
    '.Op Fl \\-',
    '.Ar command',
    '.Op Ar arg ...',
    ...SUBCOMMANDS.filter(({ name }) => name !== 'run').flatMap((one) => ['.Nm', ...synopsis(one)]),
    '.Sh DESCRIPTION',
    ...prose(
      'Starts a command, forwards signals to it, reaps orphans, and ends with its exit code. It watches mounted ConfigMaps and Secrets, and when their content changes it makes the command use it: by a signal, a restart, an HTTP call or another command.',
    ),
    '.Pp',
    ...prose(
      'Every option has an environment variable, which the command line overrides. One that can be repeated takes a value per line there.',
    ),
    '.Pp',
    ...prose('The subcommands are:'),
    ...items(SUBCOMMANDS.map((one) => [`Cm ${one.name}`, [...prose(one.purpose), ...ownOptions(one)]])),
    ...GROUPS.flatMap((group) => [
      `.Ss ${group}`,
      ...items(
        RUN_OPTIONS.filter((option) => option.group === group).map((option) => [
          flags(option),
          [
            ...prose(sentence(option)),
            ...(option.default === undefined ? [] : prose(`Default: ${option.default}.`)),
            ...(option.repeatable ? prose('Can be repeated.') : []),
          ],
        ]),
      ),
    ]),
    '.Sh ENVIRONMENT',
    ...items(
      RUN_OPTIONS.map((option) => [`Ev ${variableOf(option)}`, [`.Fl ${escaped(`-${option.name}`)}`]]),
    ),
    '.Sh EXIT STATUS',
    ...items(EXIT_CODES.map(([code, text]) => [`Li ${escaped(code)}`, prose(text)])),
    '.Sh EXAMPLES',
    ...prose('A SIGHUP for nginx when a file below a directory changes:'),
    '.Bd -literal -offset indent',
    escaped("rehup -w /etc/nginx/conf.d --on-change SIGHUP nginx -g 'daemon off;'"),
    '.Ed',
    '.Sh SEE ALSO',
    `.Lk ${repository}`,
    '.Pp',
    ...prose(`This is version ${version}.`),
    '',
  ].join('\n');
}

/** The words of a subcommand behind the program's name. */
function synopsis({ name, usage }: Subcommand): readonly string[] {
  const words = usage.split(' ').slice(2).join(' ');
  return words === '' ? [`.Cm ${name}`] : [`.Cm ${name}`, escaped(words)];
}

function ownOptions({ options }: Subcommand): readonly string[] {
  if (options.length === 0) return [];
  return items(
    options.map(({ name, value, text }) => {
      const argument = value === undefined ? '' : ` Ar ${escaped(value)}`;
      return [`Fl ${escaped(`-${name}`)}${argument}`, prose(`${capital(text)}.`)];
    }),
  );
}

/** A list of terms, each with lines that say what it is. */
function items(all: readonly (readonly [term: string, lines: readonly string[]])[]): readonly string[] {
  return ['.Bl -tag -width Ds', ...all.flatMap(([term, lines]) => [`.It ${term}`, ...lines]), '.El'];
}

/** `-w, --watch <path>` as the words of a macro. */
function flags({ flags: text }: OptionSpec): string {
  const [, short, name = '', value] = /^(?:-(\w), )?--([\w-]+)(?: <(.*)>)?$/.exec(text) ?? [];
  const before = short === undefined ? '' : `Fl ${short} , `;
  return `${before}Fl ${escaped(`-${name}`)}${value === undefined ? '' : ` Ar ${escaped(value)}`}`;
}

/** The description of an option as sentences: it begins with a small letter and ends without a full stop. */
function sentence({ description }: OptionSpec): string {
  return `${capital(description)}.`;
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** Text as roff takes it for text: each sentence on a line of its own, no line too long, none that looks like a request. */
function prose(text: string): readonly string[] {
  return text.split(/(?<=[.:!?]) (?=[A-Z])/).flatMap((one) => {
    const lines: string[] = [];
    let line = '';
    for (const word of one.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && escaped(longer).length > WIDTH) {
        lines.push(line);
        line = word;
      } else line = longer;
    }
    return [...lines, line].map(escaped);
  });
}

function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}
