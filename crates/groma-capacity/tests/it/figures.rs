//! The series of the figures.

use groma_capacity::{FigureOptions, figure_injected, figure_windows};

#[test]
fn figure_3_has_a_point_per_window_and_marks_those_without_contention() {
    let points = figure_windows(0.4, &FigureOptions::default()).unwrap();
    assert_eq!(points.len(), 60);
    assert!((points[59].at - 60.0).abs() < 1e-9);
    for point in &points {
        assert_eq!(point.equation25.is_some(), point.contended > 0.0);
        let parallel = point.parallel.unwrap();
        assert!((parallel.value - point.truth).abs() < 0.1, "{point:?}");
    }
}

#[test]
fn figure_4_bends_where_the_paper_bends_and_the_owner_does_not() {
    let options = FigureOptions { windows: 400, ..FigureOptions::default() };
    let points = figure_injected(&[0.2, 0.5, 0.9], &options).unwrap();
    for point in &points {
        assert!((point.owner.unwrap().value - point.truth).abs() < 0.01, "{point:?}");
    }
    assert!((points[1].equation25.unwrap() - points[1].truth).abs() < 0.05);
    assert!(points[2].equation25.unwrap() < 0.76 && points[2].truth > 0.85);
}

#[test]
fn a_share_that_is_none_is_refused() {
    assert!(figure_injected(&[1.5], &FigureOptions::default()).is_err());
}
