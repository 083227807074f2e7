/**
 * Taking calls out of HTTP requests: `procura/http`.
 *
 * @module
 */

export { type ContainerReading, type NodeRequest, type ReadContainerOptions, readContainer } from './read-container.ts'
