// node only: uses node:worker_threads
/**
 * `procura/signer/pkcs11-thread`: the program of the thread that `procura/signer/pkcs11` starts.
 *
 * @module
 */

import { answerModuleRequests } from '../../signers/pkcs11/thread.ts'

answerModuleRequests()
