/** The name of the host, and the number of the namespace that it belongs to (uts_namespaces(7)). */
export const HOST_FILES = { name: '/proc/sys/kernel/hostname', namespace: '/proc/self/ns/uts' } as const;

/** The namespace that the machine itself is in: PROC_UTS_INIT_INO of the kernel's proc_ns.h. */
const MACHINES = 'uts:[4026531838]';

/** What stands for the host where nobody asks for it. */
export const NO_HOST = { host: '', ownName: true } as const;

/** Pods of the host's network are in the machine's namespace, as containerd and CRI-O make them, and have its name. */
export function hostOf(
  name: string | undefined,
  namespace: string | undefined,
): { readonly host: string; readonly ownName: boolean } {
  return { host: name?.trim() ?? '', ownName: namespace !== MACHINES };
}
