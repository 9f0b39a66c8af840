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
      // None takes more. Rest and spread would go through the array iterator, which is slow
      // where lockdown has replaced its parts.
      const call = (a, b, c, d, e, f) => {
        made ||= bind(name);
        return made(a, b, c, d, e, f);
      };
      return [name, call];
    }),
  );

module.exports = { storeFunctions };
