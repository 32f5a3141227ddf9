/**
 * Takes Node's own stdin, stdout and stderr away, before anything can touch them.
 *
 * The first look at `process.stderr` makes libuv set O_NONBLOCK on the pipe behind it, which is the child's as well
 * (specification 2.1), and parts of Node look at it unasked: `node:assert`, for one, to see whether it may use colours.
 * rehup writes to its descriptors itself. Imported first by main.ts, for its effect.
 */
for (const [descriptor, name] of ['stdin', 'stdout', 'stderr'].entries()) {
  const inert = {
    fd: descriptor,
    isTTY: false,
    writable: false,
    write: () => true,
    on: () => inert,
    once: () => inert,
  };
  Object.defineProperty(process, name, { value: inert, configurable: true, enumerable: true });
}
