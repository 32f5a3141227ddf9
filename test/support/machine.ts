import { spawnSync } from 'node:child_process';

/** What tests and the demo need of the machine beyond Node. */
export type Capability = {
  /** Words before a command that give it what is needed; undefined if this machine does not have it. */
  readonly prefix: readonly string[] | undefined;
  /** What is missing, and what brings it. */
  readonly remedy: string;
};

function firstThatWorks(candidates: readonly (readonly string[])[], command: readonly string[]) {
  return candidates.find(
    ([program = '', ...words]) => spawnSync(program, [...words, ...command]).status === 0,
  );
}

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

/** A PID namespace of its own, in which a command is PID 1. */
export const PID_NAMESPACE: Capability = {
  prefix: firstThatWorks(
    [
      ['unshare', ...NAMESPACE],
      ['unshare', '--user', '--map-root-user', ...NAMESPACE],
    ],
    ['true'],
  ),
  remedy:
    'a PID namespace (apt-get install -y util-linux, and a kernel that allows unprivileged user namespaces)',
};

const LOOPBACK = 'ip link set lo up && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"';

/** A network of its own, for the user that there is: no port in it is another test's. */
export const OWN_NETWORK: Capability = {
  prefix: firstThatWorks(
    [
      ['unshare', '--net', 'sh', '-c', LOOPBACK, 'sh'],
      ['unshare', '--user', '--map-current-user', '--keep-caps', '--net', 'sh', '-c', LOOPBACK, 'sh'],
    ],
    ['true'],
  ),
  remedy: 'a network namespace (apt-get install -y iproute2, and a kernel that allows it)',
};

const ALONE = 'ip link set lo up && echo "40000 40000" > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"';

/** The same in a network of its own, in which 40000 is the one port that the kernel gives to a connection. */
export const ONE_PORT: Capability = {
  prefix: firstThatWorks(
    [
      ['unshare', '--net', ...NAMESPACE, 'sh', '-c', ALONE, 'sh'],
      ['unshare', '--user', '--map-root-user', '--net', ...NAMESPACE, 'sh', '-c', ALONE, 'sh'],
    ],
    ['true'],
  ),
  remedy: OWN_NETWORK.remedy,
};

/** What inotify can run out of, with the errno(3) and the sysctl that tell of it. */
export const INOTIFY_LIMITS = [
  { limit: 'max_inotify_instances', errno: 'EMFILE', sysctl: 'fs.inotify.max_user_instances' },
  { limit: 'max_inotify_watches', errno: 'ENOSPC', sysctl: 'fs.inotify.max_user_watches' },
] as const;

export type InotifyLimit = (typeof INOTIFY_LIMITS)[number]['limit'];

/** A PID and user namespace with a limit of inotify; that of the machine is not touched (shared/kubelet.md 5). */
export function limited(limit: InotifyLimit, most: number): Capability {
  const script = `echo ${most} > /proc/sys/user/${limit} && exec "$@"`;
  return {
    prefix: firstThatWorks(
      [['unshare', '--user', '--map-root-user', ...NAMESPACE, 'sh', '-c', script, 'sh']],
      ['true'],
    ),
    remedy: 'a user namespace in which inotify can be limited (a kernel that allows user namespaces)',
  };
}

/** Changes the limit in the namespace of a process that was started under {@link limited}. */
export function limit(pid: number, name: InotifyLimit, most: number): void {
  const words = ['--target', `${pid}`, '--user', '--preserve-credentials', 'sh', '-c'];
  const { status, stderr } = spawnSync('nsenter', [...words, `echo ${most} > /proc/sys/user/${name}`]);
  if (status !== 0) throw new Error(`${name} of ${pid}: ${stderr}`);
}

/** Runs a command among the mounts that a process sees. */
export function amongMountsOf(pid: number, script: string): void {
  const user = PID_NAMESPACE.prefix?.includes('--user') === true ? ['--user', '--preserve-credentials'] : [];
  const words = ['--target', `${pid}`, ...user, '--mount', '--pid', 'sh', '-c', script];
  const { status, stderr } = spawnSync('nsenter', words);
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}

/** Runs rehup as a user that owns nothing; needs root. */
export const NOBODY: Capability = {
  prefix: firstThatWorks(
    [[...(PID_NAMESPACE.prefix ?? []), 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']],
    ['true'],
  ),
  remedy: 'root, to run as another user (run the tests as root)',
};

function program(name: string, packages: string): Capability {
  return {
    // Debian's servers lie where only root looks.
    prefix: firstThatWorks([['env', `PATH=${process.env['PATH']}:/usr/sbin`, 'which']], [name]) && [],
    remedy: `${name} (apt-get install -y ${packages})`,
  };
}

export const PYTHON = program('python3', 'python3');
export const STRACE = program('strace', 'strace');
export const NGINX = program('nginx', 'nginx-light');
export const HAPROXY = program('haproxy', 'haproxy');
export const UNBOUND = program('unbound', 'unbound');
export const BINDFS = program('bindfs', 'bindfs');
export const PROMETHEUS = program('prometheus', 'prometheus');
export const ALERTMANAGER = program('prometheus-alertmanager', 'prometheus-alertmanager');
export const JQ = program('jq', 'jq');
export const CURL = program('curl', 'curl');
export const CHROMIUM = program('chromium', 'chromium');
export const WRK = program('wrk', 'wrk');
export const NAMED = program('named', 'bind9');
export const SLAPD = program('slapd', 'slapd');
export const KEEPALIVED = program('keepalived', 'keepalived');
export const TINI = program('tini', 'tini');
export const MANDOC = program('mandoc', 'mandoc');
export const LINTIAN = program('lintian', 'lintian');
export const SKOPEO = program('skopeo', 'skopeo');
export const MINISIGN = program('minisign', 'minisign');
export const OPENSSL = program('openssl', 'openssl');
export const DPKG_DEB = program('dpkg-deb', 'dpkg');
export const TMUX = program('tmux', 'tmux');
export const SHELLS: Readonly<Record<'bash' | 'zsh' | 'fish', Capability>> = {
  bash: program('bash', 'bash'),
  zsh: program('zsh', 'zsh'),
  fish: program('fish', 'fish'),
};
export const POSTGRES: Capability = {
  prefix: firstThatWorks([['sh', '-c']], ['ls /usr/lib/postgresql/*/bin/postgres']) && [],
  remedy: 'PostgreSQL (apt-get install -y postgresql)',
};

/** The capabilities that Docker gives a container, capabilities(7). */
const DOCKERS =
  'chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap';

/** A namespace whose root has only some capabilities; needs root. */
function bounded(set: string): Capability {
  const limits = [`--bounding-set=${set}`, '--inh-caps=-all'];
  return {
    prefix: firstThatWorks([[...(PID_NAMESPACE.prefix ?? []), 'setpriv', ...limits]], ['true']),
    remedy: 'root, to drop capabilities (run the tests as root)',
  };
}

export const DOCKER_CAPABILITIES = bounded(`-all,+${DOCKERS.split(' ').join(',+')}`);
export const NO_CAPABILITIES = bounded('-all');
export const NO_KILL = bounded(`-all,+${DOCKERS.replace('kill ', '').split(' ').join(',+')}`);

const MOUNTED = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"';

/** A mount namespace in which 64 KiB of memory are mounted on the directory that is the first word after the prefix. */
export const SMALL_TMPFS: Capability = {
  prefix: firstThatWorks(
    [
      ['unshare', '--mount', 'sh', '-c', MOUNTED],
      ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', MOUNTED],
    ],
    ['/mnt', 'true'],
  ),
  remedy: 'a mount namespace (a kernel that allows unprivileged user namespaces)',
};

const RAM_MOUNTED = 'mount -t ramfs none "$0" && exec "$@"';

/** A mount namespace in which ramfs is mounted on the directory that is the first word after the prefix. */
export const RAMFS: Capability = {
  prefix: firstThatWorks([['unshare', '--mount', 'sh', '-c', RAM_MOUNTED]], ['/mnt', 'true']),
  remedy: 'root, to mount ramfs (run the tests as root)',
};

/** Bind-mounts a file, the first word after the prefix, as `/dev/termination-log`, beside what a child needs there. */
const WITH_TERMINATION_LOG = [
  'file="$0"',
  'mount -t tmpfs none /mnt',
  'touch /mnt/null /mnt/urandom /mnt/termination-log',
  'for name in null urandom; do mount --bind "/dev/$name" "/mnt/$name"; done',
  'mount --bind "$file" /mnt/termination-log',
  'mount --rbind /mnt /dev',
  'exec "$@"',
].join(' && ');

export const TERMINATION_LOG: Capability = {
  prefix: firstThatWorks(
    [[...(PID_NAMESPACE.prefix ?? []), '--mount', 'sh', '-c', WITH_TERMINATION_LOG]],
    ['/etc/hostname', 'true'],
  ),
  remedy: 'a mount namespace (a kernel that allows unprivileged user namespaces)',
};

/** Makes an overlay of the machine the root, as an image is; the words after the prefix: a directory, and one to mount. */
const IN_IMAGE = [
  'mount -t tmpfs none "$0" && mkdir "$0/upper" "$0/work" "$0/root"',
  'mount -t overlay none -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"',
  'mkdir -p "$0/root$1" && mount --bind "$1" "$0/root$1" && mount -t proc none "$0/root/proc" && mount --rbind /dev "$0/root/dev"',
  'root="$0/root" && shift && exec chroot "$root" "$@"',
].join(' && ');

export const IMAGE_ROOT: Capability = {
  prefix: firstThatWorks(
    [[...(PID_NAMESPACE.prefix ?? []), '--mount', 'sh', '-c', IN_IMAGE]],
    ['/mnt', '/mnt', 'true'],
  ),
  remedy: 'root, and a kernel with overlay file systems (run the tests as root)',
};
