// Tables sort by the numbers in their cells, those without one last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const order = (one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        const compared = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
        return up ? compared : -compared;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
// Sliders show what the contact sheet holds already: no picture is in the page twice.
for (const row of document.querySelectorAll(".sheet tbody tr")) {
  const images = [...row.querySelectorAll("img")], names = images.map(image => image.dataset.way);
  const home = row.closest("section").querySelector(".compares");
  const figure = document.createElement("figure"), name = row.cells[0].textContent;
  figure.className = "compare";
  figure.innerHTML = '<div class="both"><img alt=""><img class="over" alt=""><span class="edge"></span></div>' +
    '<input type="range" min="0" max="100" value="50"><div class="choice"><select></select><select></select></div>' +
    "<figcaption></figcaption>";
  const [under, over] = figure.querySelectorAll("img"), range = figure.querySelector("input");
  const [left, right] = figure.querySelectorAll("select");
  [left, right].forEach((select, side) => {
    names.forEach(way => select.add(new Option(way)));
    select.setAttribute("aria-label", `${side ? "right" : "left"} of the slider, ${name}`);
    select.selectedIndex = side ? Math.min(1, names.length - 1) : 0;
    select.addEventListener("change", () => show());
  });
  const show = () => {
    [[under, left], [over, right]].forEach(([image, select]) => {
      const from = images[select.selectedIndex];
      [image.src, image.width, image.height, image.alt] = [from.src, from.width, from.height, from.alt];
    });
  };
  range.setAttribute("aria-label", `how much of the left picture is shown, ${name}`);
  range.addEventListener("input", () => figure.style.setProperty("--at", `${range.value}%`));
  figure.querySelector("figcaption").textContent = name;
  show();
  home.append(figure);
}
