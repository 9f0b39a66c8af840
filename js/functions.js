'use strict';

const native = require('./native.js');

const names = native.storeFunctionNames();

/**
 * The addon's functions for one store. There are many, and most stores use few, so each is made
 * when it is first called. What callers get to see is a function of JavaScript, which hardens
 * faster than one of the addon.
 *
 * @param {(name: string) => (...args: any[]) => any} bind makes the function of that name
 * @returns {any}
 */
const storeFunctions = bind =>
  Object.fromEntries(
    names.map(name => {
      let made;
      const call = (...args) => {
        made ||= bind(name);
        return made(...args);
      };
      return [name, call];
    }),
  );

module.exports = { storeFunctions };
