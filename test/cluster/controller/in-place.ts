import { imageOf } from '../engine/images.ts';

/** What the controller knows a pod by, as a volume. */
export const TOKEN = {
  name: 'token',
  projected: { sources: [{ serviceAccountToken: { audience: 'rehup', path: 'token' } }] },
};

/** Of pods whose sidecar has all containers restarted in place: what the application has, it has from its start. */
export function inPlace(fleetLock: readonly string[]) {
  const image = { image: imageOf('static'), imagePullPolicy: 'Never' };
  const isGood = ['/bin/busybox', 'grep', '-qv', 'bad'];
  const sidecar = {
    ...image,
    name: 'rehup',
    restartPolicy: 'Always',
    restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [88] } }],
    args: [
      ...['sidecar', '--watch', '/etc/app', '--on-change', 'exit:88', '--state', '/state', '--verify', '1s'],
      ...['--ready', `exec:${isGood.join(' ')} /etc/app/key`, '--ready-timeout', '1', '--min-interval', '0'],
      ...fleetLock,
    ],
    startupProbe: { httpGet: { path: '/livez', port: 9847 }, periodSeconds: 1, failureThreshold: 60 },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/app' },
      { name: 'token', mountPath: '/var/run/rehup' },
      { name: 'state', mountPath: '/state' },
    ],
  };
  const container = {
    readinessProbe: { exec: { command: [...isGood, '/etc/single'] }, periodSeconds: 1, failureThreshold: 1 },
    volumeMounts: [{ name: 'config', mountPath: '/etc/single', subPath: 'key' }],
  };
  return { container, initContainers: [sidecar], volumes: [{ name: 'state', emptyDir: {} }] };
}
