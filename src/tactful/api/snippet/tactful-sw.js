// The service worker: shows messages, and reports that they arrived, were clicked or put away.
// Serve it from your own site, or import it there: importScripts("https://notify.example.com/static/tactful-sw.js").
(function (self) {
  "use strict";

  async function send(kind, decisionId) {
    const kept = await (await caches.open("tactful")).match("/tactful-options");
    if (!kept || !decisionId) return;
    const options = await kept.json();
    const event = { kind: kind, id: kind + ":" + decisionId, at: new Date().toISOString(), decision_id: decisionId };
    try {
      await fetch(options.url + "/v1/client/events", {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify({ token: options.token, events: [event] }),
        credentials: "omit",
        keepalive: true,
      });
    } catch { /* offline: a lost report must not keep the message from being shown */ }
  }

  function read(data) {
    try { return data.json(); } catch { return {}; }
  }

  // Only what leads somewhere: a message must not run code.
  function target(link) {
    const url = new URL(link || "/", self.location.origin);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : self.location.origin;
  }

  self.addEventListener("push", (event) => {
    const message = event.data ? read(event.data) : {};
    const shown = self.registration.showNotification(message.title || "", {
      body: message.body || "",
      tag: message.collapse_key || message.decision_id,
      data: { link: message.link, decision_id: message.decision_id },
    });
    event.waitUntil(shown.then(() => send("receipt", message.decision_id)));
  });

  self.addEventListener("notificationclick", (event) => {
    const data = event.notification.data || {};
    event.notification.close();
    event.waitUntil(Promise.all([self.clients.openWindow(target(data.link)), send("click", data.decision_id)]));
  });

  self.addEventListener("notificationclose", (event) => {
    const data = event.notification.data || {};
    event.waitUntil(send("dismiss", data.decision_id));
  });
})(self);
