'use strict';

const native = require('./native.js');

const names = native.storeFunctionNames();

/**
 * Makes the addon's functions for one store. Most stores use few of them, so each native function is made by its first
 * call. The JavaScript functions around them harden faster than native functions.
 *
 * @param {(name: string) => (...args: any[]) => any} bind makes the native function of that name
 * @returns {any} an object with a function for each name
 */
const storeFunctions = bind =>
  Object.fromEntries(
    names.map(name => {
      let made;
      // No function takes more than six arguments. Rest and spread would use the array iterator, which is slow after
      // lockdown has replaced its parts.
      const call = (a, b, c, d, e, f) => {
        made ||= bind(name);
        return made(a, b, c, d, e, f);
      };
      return [name, call];
    }),
  );

module.exports = { storeFunctions };
