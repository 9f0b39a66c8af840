// The vat that receives the host's messages. Creates, upgrades and ends the other
// vats on request, and forwards messages to them by name.

import { E, Far } from '@endo/far';

export const buildRootObject = () => {
  /** @type {Map<string, { adminNode: unknown, root: unknown, done: string }>} */
  const vats = new Map();
  let vatAdmin;

  const watchEnd = (name, adminNode) =>
    E(adminNode)
      .done()
      .then(
        () => 'ended well',
        reason => `ended badly: ${reason && (reason.message || reason)}`,
      )
      .then(words => {
        vats.get(name).done = words;
      });

  return Far('bootstrap root', {
    bootstrap: async (bootVats, devices) => {
      vatAdmin = await E(bootVats.vatAdmin).createVatAdminService(devices.vatAdmin);
      return 'bootstrapped';
    },

    create: async (name, bundleName, vatParameters = {}) => {
      const bundleCap = await E(vatAdmin).getNamedBundleCap(bundleName);
      const options = { name, vatParameters };
      const { adminNode, root } = await E(vatAdmin).createVat(bundleCap, options);
      vats.set(name, { adminNode, root, done: 'running' });
      void watchEnd(name, adminNode);
      return `created ${name}`;
    },

    send: (name, method, ...args) => E(vats.get(name).root)[method](...args),

    /** Gives a vat a reference to another vat's root. */
    introduce: (name, method, other, ...args) => E(vats.get(name).root)[method](vats.get(other).root, ...args),

    /** Sends a message that must fail, and returns the reason. */
    refusal: async (name, method, ...args) => {
      const answer = E(vats.get(name).root)[method](...args);
      return answer.then(
        () => {
          throw Error('it did not fail');
        },
        reason => `${(reason && reason.message) || reason}`,
      );
    },

    upgradeToNamed: async (name, bundleName, vatParameters = {}) => {
      const bundleCap = await E(vatAdmin).getNamedBundleCap(bundleName);
      return E(vats.get(name).adminNode).upgrade(bundleCap, { vatParameters });
    },

    upgradeToInstalled: async (name, bundleID, vatParameters = {}) => {
      const bundleCap = await E(vatAdmin).getBundleCap(bundleID);
      return E(vats.get(name).adminNode).upgrade(bundleCap, { vatParameters });
    },

    terminate: async (name, reason) => {
      const { adminNode } = vats.get(name);
      await E(adminNode).terminateWithFailure(harden(Error(reason)));
      return `terminated ${name}`;
    },

    whatBecameOf: name => vats.get(name).done,
  });
};
