/** The versions of better-sqlite3, which the reference uses. */

/** The version that the reference was published with. Its binary has to be downloaded or compiled. */
const REFERENCE = '10.1.0';

/** A version whose package contains binaries. They work where Node.js has version 10 of Node-API, and crash elsewhere. */
const NEWER = '13.2.0';

/**
 * @param {string} [napi] the version of Node-API, by default that of the present Node.js
 * @returns {string} the version of better-sqlite3 for it: that of the reference only where the newer one does not work
 */
export const betterSqlite3For = (napi = process.versions.napi) => (Number(napi) < 10 ? REFERENCE : NEWER);

/** Whether it is the version in `package.json`, which has to be downloaded for the platform, or compiled. */
export const isReferenceVersion = version => version === REFERENCE;
