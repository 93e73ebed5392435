// Lays out messages when a scenario is opened, filters, and keeps both in the address.
// Whatever came from a system under test goes through textContent only.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("messages").textContent);
  const form = document.getElementById("controls");
  const figures = [...form.querySelectorAll("[data-verdict]")];
  const enabler = form.elements.enabler;
  const query = form.elements.q;
  const shown = document.getElementById("shown");
  const clear = document.getElementById("clear");
  const requirements = [...document.querySelectorAll("tr.requirement")];
  const scenarios = [...document.querySelectorAll("details.scenario")];
  const cards = [...document.querySelectorAll("article.card")];
  const known = new Map(scenarios.map((element) => [element.id, element]));

  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Messages.

  const part = (title, what) => {
    const box = make("div", "part");
    box.append(make("h5", "", title));
    if (what.head !== undefined) box.append(make("pre", "head", data.texts[what.head]));
    if (what.body !== undefined) box.append(make("pre", "body", data.texts[what.body]));
    if (what.note) box.append(make("p", "note", what.note));
    if (what.left_out) {
      box.append(make("p", "note", "left out to keep this page small; it is in report.json"));
    }
    if (box.children.length === 1) box.append(make("p", "note", "empty"));
    return box;
  };

  const message = (scenario, exchange) => {
    const box = make("details", "message");
    box.id = `${scenario}:${exchange.n}`;
    const head = make("summary");
    head.append(
      make("span", "n", String(exchange.n)),
      make("span", "who", `${exchange.from} → ${exchange.to}`),
      make("code", "line", exchange.line),
    );
    const group = exchange.status ? String(exchange.status)[0] : "none";
    const answer = exchange.status ?? (exchange.fault ? "no answer" : "");
    head.append(make("span", `status s${group}`, String(answer)));
    head.append(make("span", "took", exchange.took ?? ""));
    const inside = make("div", "parts");
    inside.append(part(`Sent at ${exchange.at}`, exchange.sent));
    if (exchange.came) inside.append(part(`Answer ${exchange.status}`, exchange.came));
    if (exchange.fault) inside.append(make("p", "fault", exchange.fault));
    box.append(head, inside);
    return box;
  };

  const layOut = (scenario) => {
    if (scenario.dataset.laidOut) return;
    scenario.dataset.laidOut = "yes";
    const late = scenario.querySelector('.messages[data-step="late"]');
    for (const exchange of data.scenarios[scenario.id] ?? []) {
      const place = scenario.querySelector(`.messages[data-step="${exchange.step}"]`) ?? late;
      place?.append(message(scenario.id, exchange));
    }
  };

  for (const scenario of scenarios) {
    scenario.addEventListener("toggle", () => scenario.open && layOut(scenario));
  }

  // Filters. A word may stand anywhere in the text or the messages of a scenario.

  const texts = new Map();
  const textOf = (element) => {
    let text = texts.get(element);
    if (text === undefined) {
      const parts = [element.id, element.dataset.laidOut ? "" : element.textContent];
      if (element.dataset.laidOut) {
        const bare = element.cloneNode(true);
        bare.querySelectorAll(".messages").forEach((messages) => messages.remove());
        parts.push(bare.textContent);
      }
      for (const exchange of data.scenarios[element.id] ?? []) {
        parts.push(exchange.from, exchange.to, exchange.line, exchange.status, exchange.fault);
        for (const one of [exchange.sent, exchange.came]) {
          if (one) parts.push(data.texts[one.head], data.texts[one.body]);
        }
      }
      text = parts.join("\n").toLowerCase();
      texts.set(element, text);
    }
    return text;
  };

  const chosen = () => figures.filter((f) => f.getAttribute("aria-pressed") === "true");
  const plural = (n, of, what) =>
    n === of ? `${n} ${what}${n === 1 ? "" : "s"}` : `${n} of ${of} ${what}s`;

  const apply = () => {
    const verdicts = new Set(chosen().map((figure) => figure.dataset.verdict));
    const only = enabler ? enabler.value : "";
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (element) =>
      (verdicts.size === 0 || verdicts.has(element.dataset.verdict)) &&
      (only === "" || element.dataset.enabler === only) &&
      words.every((word) => textOf(element).includes(word));
    const count = (elements) => {
      let n = 0;
      for (const element of elements) {
        element.hidden = !fits(element);
        if (!element.hidden) n += 1;
      }
      return n;
    };
    const counted = [count(requirements), count(scenarios)];
    for (const card of cards) card.hidden = known.get(card.dataset.of)?.hidden ?? false;
    for (const group of document.querySelectorAll(".group, .document")) {
      group.hidden = !group.querySelector("details.scenario:not([hidden]), tr.requirement:not([hidden])");
    }
    for (const section of document.querySelectorAll("#attention")) {
      section.hidden = cards.every((card) => card.hidden);
    }
    shown.textContent = [
      plural(counted[0], requirements.length, "requirement"),
      plural(counted[1], scenarios.length, "scenario"),
    ].join(", ");
    clear.hidden = verdicts.size === 0 && only === "" && words.length === 0;
  };

  // The address.

  const write = () => {
    const state = new URLSearchParams();
    if (query.value.trim()) state.set("q", query.value.trim());
    if (chosen().length) state.set("verdict", chosen().map((f) => f.dataset.verdict).join(","));
    if (enabler?.value) state.set("enabler", enabler.value);
    history.replaceState(null, "", `#${state}`);
  };

  const set = (state) => {
    query.value = state.get("q") ?? "";
    const verdicts = (state.get("verdict") ?? "").split(",");
    for (const figure of figures) {
      figure.setAttribute("aria-pressed", String(verdicts.includes(figure.dataset.verdict)));
    }
    if (enabler) enabler.value = state.get("enabler") ?? "";
    apply();
  };

  const visit = () => {
    const at = decodeURIComponent(location.hash.slice(1));
    if (/(^|&)(q|verdict|enabler)=/.test(at)) {
      set(new URLSearchParams(location.hash.slice(1)));
      return;
    }
    // An exchange does not exist before its scenario is laid out.
    const scenario = known.get(at) ?? known.get(at.replace(/:\d+$/, ""));
    if (scenario) {
      scenario.open = true;
      layOut(scenario);
    }
    const target = at && document.getElementById(at);
    if (!target) return;
    if (target.closest("[hidden]")) set(new URLSearchParams());
    if (target.matches("details")) target.open = true;
    document.querySelector(".here")?.classList.remove("here");
    target.classList.add("here");
    target.scrollIntoView({ block: "start" });
  };

  const change = () => {
    write();
    apply();
  };
  let pause;
  query.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(change, 120);
  });
  enabler?.addEventListener("change", change);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change();
  });
  for (const figure of figures) {
    figure.addEventListener("click", () => {
      figure.setAttribute("aria-pressed", String(figure.getAttribute("aria-pressed") !== "true"));
      change();
    });
  }
  clear.addEventListener("click", () => {
    set(new URLSearchParams());
    write();
    query.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      query.focus();
    } else if (event.key === "Escape" && document.activeElement === query) {
      query.value = "";
      change();
    }
  });
  window.addEventListener("hashchange", visit);

  // Paper shows what has to be looked at, messages included.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    for (const scenario of scenarios) {
      if (scenario.hidden || ["pass", "not_applicable", "untested"].includes(scenario.dataset.verdict)) continue;
      layOut(scenario);
      opened.push(...[scenario, ...scenario.querySelectorAll("details")].filter((d) => !d.open));
    }
    for (const element of opened) element.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const element of opened) element.open = false;
    opened = [];
  });

  visit();
})();
