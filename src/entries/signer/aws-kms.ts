/**
 * `procura/signer/aws-kms`: a key in AWS KMS.
 *
 * @module
 */

export { awsKmsSigner } from '../../signers/aws-kms/aws-kms-signer.ts'
