import type { CommandReports, ConnectionReports, Ports } from './state/ports.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Commands and connections whose reports are timed. */
export function timedPorts(
  { commands, network, names }: Pick<Ports, 'commands' | 'network' | 'names'>,
  { timed }: Stopwatch,
): Pick<Ports, 'commands' | 'network' | 'names'> {
  function timedConnection(reports: ConnectionReports): ConnectionReports {
    return {
      connected: (user) => timed('a connection', () => reports.connected(user)),
      received: (bytes) => timed('bytes of an answer', () => reports.received(bytes)),
      ended: () => timed('end of an answer', reports.ended),
      failed: (errno) => timed('failure of a connection', () => reports.failed(errno)),
    };
  }
  return {
    commands: {
      run: (words, environment, reports, input, files) => {
        const timedReports: CommandReports = {
          wrote: (bytes) => timed('output of a command', () => reports.wrote(bytes)),
          exited: (status) => timed('exit of a command', () => reports.exited(status)),
          failed: (errno) => timed('failure of a command', () => reports.failed(errno)),
        };
        return commands.run(words, environment, timedReports, input, files);
      },
    },
    names: {
      lookUp: (name, told) => names.lookUp(name, (found) => timed('addresses of a name', () => told(found))),
    },
    network: {
      connect: (address, port, reports) => network.connect(address, port, timedConnection(reports)),
      connectLocal: (path, reports) => network.connectLocal(path, timedConnection(reports)),
    },
  };
}
