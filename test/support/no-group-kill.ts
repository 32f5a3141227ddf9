/**
 * Refuses process.kill() of what is no process: kill(2) takes 0 for the group of the caller, which is all that runs the tests, so
 * that a process which a test has not found would end them without a word.
 */
const { kill } = process;

process.kill = (pid, signal) => {
  if (pid === 0) throw new Error('a test signals a process that it has not found');
  return kill.call(process, pid, signal);
};
