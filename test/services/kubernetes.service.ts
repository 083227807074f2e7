// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** Validates manifests against the schemas of Kubernetes. */
export const service: Service = {
  name: 'kubernetes-validate',
  pypi: 'kubernetes-validate==1.37.0',
  tests: ['kubernetes.test.ts'],
  find: () => findProgram('kubernetes-validate'),
}
