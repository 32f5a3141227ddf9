import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the programs of a cluster are told: their files in the folder of the run, and their words. */

/** How a kubelet learns that a ConfigMap or Secret has changed; `Watch` is the default of clusters. */
export type Detection = 'Watch' | 'Cache' | 'Get';

export type Settings = {
  /** The folder of the run: an absolute path, short enough for sockets in it. */
  readonly folder: string;
  /** Of the node and the API server. */
  readonly address: string;
  /** A folder in each cgroup hierarchy, of this run alone. */
  readonly cgroup: string;
  /** How often the kubelet looks at a pod: it takes up to 1.5 times that, drawn anew each time. */
  readonly syncFrequency: string;
  readonly detection: Detection;
};

export const NODE = 'node';
export const PAUSE_IMAGE = 'localhost/pause:1';

/** The same in each cluster: they are seen only in its own network namespace. */
export const POD_SUBNET = '10.244.0.0/16';
const SERVICE_SUBNET = '10.96.0.0/16';
export const API_PORT = 6443;

/** Who may do what is said by the user; each has a token of its own name. */
const USERS: readonly (readonly [name: string, groups: string])[] = [
  ['admin', 'system:masters'],
  ['system:kube-controller-manager', ''],
  ['system:kube-scheduler', ''],
  ['system:kube-proxy', ''],
  [`system:node:${NODE}`, 'system:nodes'],
];

/** Writes what the programs read. */
export function writeSettings(settings: Settings): void {
  const { folder } = settings;
  for (const name of ['pki', 'cni', 'kubelet', 'pod-logs', 'logs']) mkdirSync(join(folder, name));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('pki/accounts.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  write('pki/accounts.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString());
  write('tokens.csv', USERS.map(([name, groups]) => `${name},${name},${name},"${groups}"\n`).join(''));
  for (const [name] of USERS) write(`${fileOf(name)}.kubeconfig`, kubeconfig(settings, name));
  write('containerd.toml', containerdToml(settings));
  write('cni/10-bridge.conflist', JSON.stringify(network(settings)));
  write('kubelet.json', JSON.stringify(kubeletConfiguration(settings)));
}

function fileOf(user: string): string {
  return user.split(':')[1] ?? user;
}

function kubeconfig({ folder, address }: Settings, user: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'rehup',
        cluster: {
          server: `https://${address}:${API_PORT}`,
          'certificate-authority': join(folder, 'pki/apiserver.crt'),
        },
      },
    ],
    users: [{ name: user, user: { token: user } }],
    contexts: [{ name: 'rehup', context: { cluster: 'rehup', user } }],
    'current-context': 'rehup',
  });
}

function containerdToml({ folder }: Settings): string {
  return `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  max_concurrent_downloads = 1
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}/cni"
`;
}

function network({ folder }: Settings): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods',
        isGateway: true,
        // A pod that asks a Service and is answered by itself.
        hairpinMode: true,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: join(folder, 'addresses'),
          ranges: [[{ subnet: POD_SUBNET }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
}

function kubeletConfiguration({ folder, cgroup, syncFrequency, detection }: Settings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    syncFrequency,
    configMapAndSecretChangeDetectionStrategy: detection,
    containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
    podLogsDir: join(folder, 'pod-logs'),
    volumePluginDir: join(folder, 'plugins'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    // A machine that is nearly full is no reason to evict the pods of tests.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0.1%', 'imagefs.available': '0.1%' },
    imageGCHighThresholdPercent: 100,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    maxPods: 300,
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
    eventRecordQPS: 0,
    // Each run makes all of them itself.
    serializeImagePulls: false,
  };
}

/** The words of each program, by its name. */
export function wordsOf({ folder, address }: Settings): Readonly<Record<string, readonly string[]>> {
  const as = (user: string) => `--kubeconfig=${folder}/${user}.kubeconfig`;
  const etcd = 'http://127.0.0.1:2379';
  const peer = 'http://127.0.0.1:2380';
  return {
    etcd: [
      `--data-dir=${folder}/etcd`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--log-level=warn',
    ],
    'kube-apiserver': [
      `--etcd-servers=${etcd}`,
      `--secure-port=${API_PORT}`,
      // It makes a certificate for itself here, which others trust as the authority.
      `--cert-dir=${folder}/pki`,
      `--advertise-address=${address}`,
      `--service-cluster-ip-range=${SERVICE_SUBNET}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${folder}/pki/accounts.pub`,
      `--service-account-signing-key-file=${folder}/pki/accounts.key`,
      `--token-auth-file=${folder}/tokens.csv`,
      '--authorization-mode=Node,RBAC',
      '--allow-privileged',
      '--kubelet-preferred-address-types=InternalIP',
    ],
    'kube-controller-manager': [
      as('kube-controller-manager'),
      `--service-account-private-key-file=${folder}/pki/accounts.key`,
      `--root-ca-file=${folder}/pki/apiserver.crt`,
      '--use-service-account-credentials',
      '--leader-elect=false',
      '--authentication-skip-lookup',
      `--cert-dir=${folder}/pki/controllers`,
      '--kube-api-qps=100',
      '--kube-api-burst=200',
    ],
    'kube-scheduler': [
      as('kube-scheduler'),
      '--leader-elect=false',
      '--authentication-skip-lookup',
      '--kube-api-qps=100',
      '--kube-api-burst=200',
    ],
    'kube-proxy': [
      as('kube-proxy'),
      `--hostname-override=${NODE}`,
      `--cluster-cidr=${POD_SUBNET}`,
      // What is not a namespace's own to set.
      '--conntrack-max-per-core=0',
    ],
    containerd: [`--config=${folder}/containerd.toml`],
    kubelet: [
      as('node'),
      `--config=${folder}/kubelet.json`,
      `--root-dir=${folder}/kubelet`,
      `--cert-dir=${folder}/pki/kubelet`,
      `--hostname-override=${NODE}`,
      `--node-ip=${address}`,
      // The tests read what earlier lives wrote. With one (the default) it takes a new container that is made and not started
      // yet for a dead one, and what the one before it wrote is gone.
      '--maximum-dead-containers-per-container=20',
    ],
  };
}
