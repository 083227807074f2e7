// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** A PKCS#11 module without hardware; its test builds the package `pkcs11js` in a cache. */
export const service: Service = {
  name: 'softhsm',
  apt: 'softhsm2',
  tests: ['pkcs11.test.ts'],
  find: () => findProgram('softhsm2-util', '/usr/bin/softhsm2-util'),
}
