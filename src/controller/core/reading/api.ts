/*
 * Controller core: what decides for a whole cluster. Reads objects of the Kubernetes API as they are given, and says what to
 * write; may not know how they came, what time it is, or anything else of the machine.
 */

/** What is read of objects as the API server sends them: every field may be missing. */

export type Metadata = {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly Owner[];
  readonly managedFields?: readonly ManagedFields[];
};

export type Owner = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean;
};

export type ManagedFields = {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: unknown;
};

type Named = { readonly name?: string; readonly optional?: boolean };

type SecretNamed = { readonly secretName?: string; readonly optional?: boolean };

export type Volume = {
  readonly configMap?: Named;
  readonly secret?: SecretNamed;
  readonly projected?: {
    readonly sources?: readonly { readonly configMap?: Named; readonly secret?: Named }[];
  };
};

export type Container = {
  readonly env?: readonly {
    readonly valueFrom?: { readonly configMapKeyRef?: Named; readonly secretKeyRef?: Named };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[];
};

export type PodSpec = {
  readonly volumes?: readonly Volume[];
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
};

export type ApiWorkload = {
  readonly metadata?: Metadata;
  readonly spec?: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly minReadySeconds?: number;
    readonly progressDeadlineSeconds?: number;
    readonly updateStrategy?: {
      readonly type?: string;
      readonly rollingUpdate?: { readonly partition?: number };
    };
    readonly template?: { readonly metadata?: Metadata; readonly spec?: PodSpec };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly availableReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly numberAvailable?: number;
  };
};

/** A ConfigMap or a Secret. */
export type ApiObject = {
  readonly metadata?: Metadata;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
};

export type ContainerStatus = {
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string };
    readonly running?: { readonly startedAt?: string };
    readonly terminated?: { readonly exitCode?: number };
  };
};

export type ApiPod = {
  readonly metadata?: Metadata;
  readonly spec?: PodSpec & { readonly hostNetwork?: boolean };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type?: string;
      readonly status?: string;
      readonly lastTransitionTime?: string;
    }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
};

/** Milliseconds since the epoch of a time of the API; 0 where there is none. */
export function timeOf(text: string | undefined): number {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? 0 : time;
}
