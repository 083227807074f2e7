// node only: keeps delegations in a file
/**
 * `procura/agent/file`: an agent whose key and delegations are in files.
 *
 * @module
 */

export { openFileAgent } from '../../agent/open-file-agent.ts'
export {
  type DelegationFileDescription,
  describeDelegationFile,
} from '../../stores/delegation-file/describe-delegation-file.ts'
export { fileDelegationStore } from '../../stores/delegation-file/file-delegation-store.ts'
