use super::*;

fn matrix(title: &str, cells: Vec<Cell>) -> Matrix {
    let axis = |label: &str| Axis {
        label: label.into(),
        names: vec!["esb-a-1".into(), "esb-a-2".into(), "esb-b-1".into()],
        groups: vec![("esb-a".into(), 2), ("esb-b".into(), 1)],
    };
    Matrix { title: title.into(), rows: axis("from"), columns: axis("to"), cells }
}

fn figures() -> Vec<Figure> {
    let cell = |row, column, amount| Cell { row, column, amount };
    vec![
        Figure::Cdf(Cdf {
            title: "How long a transaction tree lasts".into(),
            x_label: "duration".into(),
            x_unit: Unit::Seconds,
            log_x: true,
            series: vec![Series {
                name: "trees".into(),
                points: vec![(0.0, 0.1), (0.5, 0.9), (40.0, 1.0)],
            }],
            marks: vec![2.0],
        }),
        Figure::Bars(Bars {
            title: "Why hops crossed".into(),
            label: "bytes".into(),
            unit: Unit::Bytes,
            scale: BarScale::Amount,
            parts: vec!["VLAN".into(), "LB & VLAN".into()],
            bars: vec![Bar { name: "ESB→APP".into(), amounts: vec![1e9, 3e9] }],
        }),
        Figure::Curves(Curves {
            title: "How parallel it is".into(),
            x_label: "time".into(),
            x_unit: Unit::Seconds,
            y_label: "share".into(),
            y_unit: Unit::Share,
            y_max: Some(1.0),
            curves: vec![Curve {
                name: "p".into(),
                dashed: false,
                points: vec![
                    Point { x: 0.0, y: 0.5, bounds: (0.4, 0.6) },
                    Point { x: 600.0, y: 0.7, bounds: (0.7, 0.7) },
                ],
            }],
            spans: Some(("contended".into(), vec![Span { x: (0.0, 60.0), y: 0.3 }])),
        }),
        Figure::HeatMaps(HeatMaps {
            title: "ESB to ESB".into(),
            label: "bytes".into(),
            unit: Unit::Bytes,
            panels: vec![
                matrix("before", vec![cell(0, 1, 2e6), cell(2, 2, 5e9)]),
                matrix("after", vec![cell(0, 0, 2e6)]),
            ],
        }),
    ]
}

#[test]
fn every_figure_is_a_complete_svg_with_its_texts() {
    for figure in figures() {
        let svg = figure.to_svg().unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        let (width, height) = figure.size();
        assert!(svg.contains(&format!("width=\"{width}\" height=\"{height}\"")));
    }
    let svg: Vec<String> = figures().iter().map(|figure| figure.to_svg().unwrap()).collect();
    assert!(svg[0].contains("90.0 % ≤ 2 s") && svg[0].contains("100 ms"));
    assert!(svg[1].contains("75.0 %") && svg[1].contains("4.00 GB") && svg[1].contains("LB &amp;"));
    assert!(svg[2].contains("600 s") && svg[2].contains("60 %") && svg[2].contains("contended"));
    assert!(svg[2].contains("<polygon"), "bounds are an area");
    assert!(svg[3].contains("before: 5.00 GB") && svg[3].contains("after: 2.00 MB"));
}

#[test]
fn every_figure_is_written_as_png_too() {
    let folder = tempfile::tempdir().unwrap();
    for (index, figure) in figures().iter().enumerate() {
        let path = folder.path().join(format!("{index}.png"));
        figure.write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 2_000);
    }
    let other = figures()[0].write(&folder.path().join("figure.gif")).unwrap_err();
    assert!(other.to_string().contains(".svg or .png"));
}

#[test]
fn nothing_to_show_is_no_reason_to_fail() {
    let nothing = [
        Figure::Cdf(Cdf {
            title: "empty".into(),
            x_label: "x".into(),
            x_unit: Unit::Count,
            log_x: true,
            series: vec![Series { name: "none".into(), points: vec![(0.0, 1.0)] }],
            marks: vec![f64::NAN, -1.0],
        }),
        Figure::Bars(Bars {
            title: "empty".into(),
            label: "bytes".into(),
            unit: Unit::Bytes,
            scale: BarScale::Share,
            parts: vec!["LB".into()],
            bars: vec![Bar { name: "APP→ESB".into(), amounts: vec![] }],
        }),
        Figure::HeatMaps(HeatMaps {
            title: "empty".into(),
            label: "bytes".into(),
            unit: Unit::Bytes,
            panels: vec![matrix("before", vec![])],
        }),
    ];
    for figure in nothing {
        assert!(figure.to_svg().unwrap().ends_with("</svg>\n"));
    }
}
