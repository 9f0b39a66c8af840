'use strict';

const diagnosticsChannel = require('node:diagnostics_channel');

const { harden } = require('./harden.js');

/**
 * Makes a function that publishes an event. Without subscribers, it does not call `describe`.
 *
 * @param {string} name of the channel
 * @returns {(describe: () => object) => void}
 */
const publisher = name => {
  const channel = diagnosticsChannel.channel(name);
  return describe => {
    // If a subscriber throws, Node.js reports an uncaught exception, and the store is not affected.
    if (channel.hasSubscribers) channel.publish(harden(describe()));
  };
};

/** Publishes what happens to stores. `index.d.ts` describes the events. */
const events = {
  open: publisher('swing-store:open'),
  commit: publisher('swing-store:commit'),
  snapshot: publisher('swing-store:snapshot'),
  close: publisher('swing-store:close'),
};

module.exports = { events };
