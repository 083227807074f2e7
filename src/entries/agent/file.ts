// node only: keeps delegations in a file
/**
 * `procura/agent/file`: the delegations of an agent in a file.
 *
 * @module
 */

export {
  type DelegationFileDescription,
  describeDelegationFile,
} from '../../delegation-file/describe-delegation-file.ts'
export { type FileDelegationStoreOptions, fileDelegationStore } from '../../delegation-file/file-delegation-store.ts'
