// node only: uses node:worker_threads
/**
 * `procura/pool/thread`: the program that the threads of `procura/pool` run.
 *
 * @module
 */

import { answerBatches } from '../../core/principal/pool/thread.ts'

answerBatches()
