/* Filters: leaderboards by data set and protocol, rows by family and origin. */

const filters = [...document.querySelectorAll("select[data-filter]")];
const boards = [...document.querySelectorAll(".board")];

function fits(chosen, texts) {
  return Object.entries(texts).every(([name, text]) => !chosen[name] || chosen[name] === text);
}

function filterBoards() {
  const chosen = Object.fromEntries(filters.map((select) => [select.dataset.filter, select.value]));
  for (const board of boards) {
    const rows = [...board.querySelectorAll("tbody tr")];
    for (const row of rows) {
      const [origin, family] = [1, 2].map((column) => row.cells[column].textContent.trim());
      row.hidden = !fits(chosen, { origin, family });
    }
    const { dataset, protocol } = board.dataset;
    board.hidden = !fits(chosen, { dataset, protocol }) || rows.every((row) => row.hidden);
  }
  const shown = boards.filter((board) => !board.hidden).length;
  const noun = boards.length === 1 ? "leaderboard" : "leaderboards";
  document.getElementById("shown").textContent = shown === boards.length ? `${shown} ${noun}` : `${shown} of ${boards.length} ${noun}`;
}

filters.forEach((select) => select.addEventListener("change", filterBoards));
filterBoards(); // a page that was reloaded keeps its choices
