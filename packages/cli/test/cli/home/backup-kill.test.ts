import { killsOfBackup } from './backup-kills.ts'

// `npm run test:long` kills before every change.
killsOfBackup(false)
