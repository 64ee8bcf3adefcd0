// Reports a person's visits and permission, and where her browser can be reached. No dependency, no cookie.
// tactful.start({url, token, serviceWorker, vapidKey}) on every page; tactful.subscribe() when she says yes.
// See docs/reference/client-contract.md.
(function (self) {
  "use strict";
  const PAUSE_MS = 30 * 60 * 1000; // a visit ends after half an hour without a page
  let options = null;

  function send(events) {
    return fetch(options.url + "/v1/client/events", {
      method: "POST",
      headers: { "Content-Type": "text/plain" },
      body: JSON.stringify({ token: options.token, events: events }),
      credentials: "omit",
      keepalive: true,
    }).then((answer) => answer.ok);
  }

  function remembered(key) {
    try { return localStorage.getItem("tactful." + key); } catch { return null; }
  }

  function remember(key, value) {
    try { localStorage.setItem("tactful." + key, value); } catch { /* private mode: reported again next time */ }
  }

  function permission() {
    return "Notification" in self ? Notification.permission : "default";
  }

  // The worker has no other way to know where to report, and with which token.
  async function tellWorker() {
    if (!("caches" in self)) return;
    const kept = await caches.open("tactful");
    await kept.put("/tactful-options", new Response(JSON.stringify({ url: options.url, token: options.token })));
  }

  async function reportVisit() {
    const now = Date.now(), last = Number(remembered("seen"));
    remember("seen", String(now));
    if (now - last > PAUSE_MS) await send([{ kind: "session", id: crypto.randomUUID() }]);
  }

  async function reportPermission() {
    const state = permission();
    if (state === remembered("permission")) return;
    if (await send([{ kind: "permission", id: crypto.randomUUID(), channel: "web_push", state: state }])) {
      remember("permission", state);
    }
  }

  async function reportAddress(subscription, asked) {
    const address = JSON.stringify(subscription);
    if (!asked && address === remembered("address")) return;
    const event = { kind: "address", id: crypto.randomUUID(), channel: "web_push", address: address,
                    permission: permission(), asked: asked };
    if (await send([event])) remember("address", address);
  }

  function registered() {
    return navigator.serviceWorker.register(options.serviceWorker || "/tactful-sw.js");
  }

  async function start(given) {
    options = given;
    await tellWorker();
    await reportVisit();
    await reportPermission();
    if (!("serviceWorker" in navigator) || permission() !== "granted") return;
    const subscription = "PushManager" in self && await (await registered()).pushManager.getSubscription();
    if (subscription) await reportAddress(subscription, false);
  }

  // Call it from a click of hers: browsers ask nobody who did not do something.
  async function subscribe() {
    const state = await Notification.requestPermission();
    await reportPermission();
    if (state !== "granted") return false;
    await registered();
    const worker = await navigator.serviceWorker.ready;
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: options.vapidKey });
    await reportAddress(subscription, true);
    return true;
  }

  self.tactful = { start: start, subscribe: subscribe };
})(self);
