/**
 * The script of the page for approvals, which the build puts into `dist/approval/page.html`.
 *
 * @module
 */

export { startApprovalPage } from '../../approval/page/start-page.ts'
