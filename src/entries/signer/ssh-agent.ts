// node only: uses node:net
/**
 * `procura/signer/ssh-agent`: a key in an SSH agent.
 *
 * @module
 */

export { listSshAgentKeys, type SshAgentKey, sshAgentSigner } from '../../signers/ssh-agent/ssh-agent-signer.ts'
