// On paper: every tab at full length in light colours, its charts drawn at the width of the paper.

const printing = {
  theme: null,

  begin() {
    if (this.theme !== null) return;
    this.theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.printing = "";
    onPaper = true;
    for (const table of Table.all) table.whole(true);
    colours("light");
    paintAll();
  },

  end() {
    if (this.theme === null) return;
    onPaper = false;
    delete document.documentElement.dataset.printing;
    for (const table of Table.all) table.whole(false);
    for (const plot of document.querySelectorAll(".plot.js-plotly-plot")) Plotly.purge(plot);
    colours(this.theme);
    this.theme = null;
  },
};

addEventListener("beforeprint", () => printing.begin());
addEventListener("afterprint", () => printing.end());
matchMedia("print").addEventListener("change", (media) => (media.matches ? printing.begin() : printing.end()));
