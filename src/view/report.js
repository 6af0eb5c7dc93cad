// SPDX-License-Identifier: BSD-2-Clause
// report.js: sorting, filtering and paging of the report's tables. The page is a report without it;
// everything it adds to the page it adds as text, never as markup.
"use strict";
(() => {
	const FIRST = 50; // rows at first, and …
	const PAGE = 200; // … with each wish for more
	const SVG = "http://www.w3.org/2000/svg";
	const ENDINGS = {hung_up: "hung up", held: "hung up, held"};

	const element = (name, properties = {}, ...children) => {
		const made = Object.assign(document.createElement(name), properties);
		made.append(...children);
		return made;
	};

	// A row is {keys, text, element}: what to sort by, what to find in, what to show (made when
	// first needed).
	const rowOfElement = (tr) => {
		const cells = [...tr.cells];
		const keys = cells.map((cell) => {
			const value = cell.dataset.v ?? cell.textContent;
			return cell.classList.contains("n") ? Number(value) : value;
		});
		return {keys, text: tr.textContent.toLowerCase(), element: tr};
	};
	const rowOfData = (values) => {
		const shown = values.map((value) => (Array.isArray(value) ? value[1] : String(value)));
		shown[0] = ENDINGS[shown[0]] ?? shown[0];
		return {
			keys: values.map((value) => (Array.isArray(value) ? value[0] : value)),
			text: shown.join(" ").toLowerCase(),
			shown,
		};
	};
	const mark = (ending) => {
		const svg = document.createElementNS(SVG, "svg");
		const use = document.createElementNS(SVG, "use");
		svg.setAttribute("class", "mark");
		svg.setAttribute("viewBox", "-6 -6 12 12");
		svg.setAttribute("aria-hidden", "true");
		use.setAttribute("href", "#" + ending);
		svg.append(use);
		return svg;
	};
	const show = (row, numeric) => {
		row.element ??= element("tr", {}, ...row.shown.map((text, i) => {
			const cell = element("td", {className: numeric[i] ? "n" : ""});
			if (i === 0)
				cell.append(mark(row.keys[0]));
			cell.append(text);
			return cell;
		}));
		return row.element;
	};

	const compare = (column, descending) => (a, b) => {
		const x = a.keys[column], y = b.keys[column];
		const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", {numeric: true});
		return descending ? -order : order;
	};

	class Table {
		constructor(table) {
			this.table = table;
			this.body = table.tBodies[0];
			this.headings = [...table.tHead.rows[0].cells];
			this.numeric = this.headings.map((th) => th.classList.contains("n"));
			const data = table.dataset.rows && document.getElementById(table.dataset.rows);
			this.rows = data ? JSON.parse(data.textContent).map(rowOfData)
				: [...this.body.rows].map(rowOfElement);
			this.order = this.rows;
			this.limit = FIRST;
			this.headings.forEach((th, column) => this.makeSortable(th, column));
			if (this.rows.length > 5)
				this.makeTools(Boolean(data));
			this.update();
		}

		makeSortable(th, column) {
			const button = element("button", {type: "button"}, th.textContent);
			button.title = th.title;
			th.removeAttribute("title");
			th.replaceChildren(button);
			th.setAttribute("aria-sort", "none");
			button.addEventListener("click", () => this.sort(column));
		}

		makeTools(states) {
			const label = this.table.closest("[aria-label]").getAttribute("aria-label").toLowerCase();
			this.filter = element("input", {type: "search", autocomplete: "off", spellcheck: false});
			this.filter.addEventListener("input", () => this.update(FIRST));
			this.status = element("span");
			this.status.setAttribute("role", "status");
			const tools = element("div", {className: "tools"}, element("label", {}, "Filter " + label, this.filter));
			if (states)
				tools.append(this.makeStates());
			tools.append(this.status);
			this.table.parentElement.before(tools);
			this.more = element("button", {type: "button", className: "more"});
			this.more.addEventListener("click", () => this.update(this.limit + PAGE));
			const plain = this.table.parentElement.nextElementSibling;
			if (plain?.classList.contains("more"))
				plain.remove();
			this.table.parentElement.after(this.more);
		}

		makeStates() {
			const counts = new Map();
			for (const row of this.rows)
				counts.set(row.keys[0], (counts.get(row.keys[0]) ?? 0) + 1);
			this.state = element("select", {}, element("option", {value: ""}, "any"));
			for (const [state, count] of [...counts].sort((a, b) => b[1] - a[1]))
				this.state.append(element("option", {value: state}, `${ENDINGS[state] ?? state} (${count})`));
			this.state.addEventListener("change", () => this.update(FIRST));
			return element("label", {}, "State", this.state);
		}

		// Numbers start with the largest: that is what one looks for. A third click gives back the
		// order of the report.
		sort(column) {
			const th = this.headings[column];
			const first = this.numeric[column] ? "descending" : "ascending";
			const second = this.numeric[column] ? "ascending" : "descending";
			const next = {none: first, [first]: second, [second]: "none"}[th.getAttribute("aria-sort")];
			this.headings.forEach((other) => other.setAttribute("aria-sort", "none"));
			th.setAttribute("aria-sort", next);
			this.order = next === "none" ? this.rows
				: [...this.rows].sort(compare(column, next === "descending"));
			this.update(FIRST);
		}

		update(limit = this.limit) {
			const words = (this.filter?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
			const state = this.state?.value ?? "";
			const found = this.order.filter((row) => (!state || row.keys[0] === state) &&
				words.every((word) => row.text.includes(word)));
			this.limit = limit;
			this.body.replaceChildren(...found.slice(0, limit).map((row) => show(row, this.numeric)));
			if (!this.status)
				return;
			const shown = Math.min(limit, found.length);
			this.status.textContent = found.length === this.rows.length ? `${found.length} rows`
				: `${found.length} of ${this.rows.length} rows`;
			if (shown < found.length)
				this.status.textContent += `, ${shown} shown`;
			this.more.hidden = shown >= found.length;
			this.more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
		}
	}

	document.querySelectorAll("table.data").forEach((table) => new Table(table));

	// Paper can't unfold.
	let opened = [];
	addEventListener("beforeprint", () => {
		opened = [...document.querySelectorAll("details:not([open])")];
		opened.forEach((details) => { details.open = true; });
	});
	addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
})();
