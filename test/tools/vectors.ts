// node only: writes files

/**
 * `npm run vectors -- FOLDER`: writes the package `procura-vectors` into a folder, for `npm publish` there.
 *
 * @module
 */

import { writeVectorsPackage } from '../setup/vectors-package.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder that the package is written into')
writeVectorsPackage(folder)
