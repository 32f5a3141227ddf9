/** What helps where a limit leaves no more of something, by the name of an errno(3); undefined for any other errno. */
export function shortage(errno: string): string | undefined {
  switch (errno) {
    case 'EMFILE':
    case 'ENFILE':
      return 'raise the limit of open files (ulimit -n)';
    case 'ENOMEM':
      return 'raise the limit of memory';
    case 'EFBIG':
      return 'raise the limit on the size of the files that rehup writes (ulimit -f)';
    case 'EAGAIN':
      return 'raise the limit of processes (pids.max of the container, ulimit -u)';
    default:
      return undefined;
  }
}
